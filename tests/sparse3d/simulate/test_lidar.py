"""The LiDAR measures what geometry says, within its noise."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sparse3d.simulate.lidar import Lidar, hdl64e_elevations, scan
from sparse3d.simulate.materials import Material
from sparse3d.simulate.mesh import box
from sparse3d.simulate.poses import pose
from sparse3d.simulate.scene import GROUND, STATIC

MOUNT = pose(np.array([0.0, 0.0, 1.73]))
QUIET = Lidar(azimuths=360, range_noise=0.0, intensity_noise=0.0, ego_from_lidar=MOUNT)


def sweep_of(snapshot, lidar=QUIET, seed=0):
    return scan(snapshot, lidar, np.random.default_rng(seed))


def test_beams_of_the_hdl64e():
    degrees = np.degrees(hdl64e_elevations())
    assert len(degrees) == 64 and (np.diff(degrees) < 0).all()
    np.testing.assert_allclose(degrees[[0, 31, 32, 63]], [2, -8.33, -8.83, -24.33], atol=.01)


def test_flat_ground_lies_at_the_mounting_height(flat_world):
    sweep = sweep_of(flat_world())
    assert (sweep.instances == GROUND).all() and len(sweep.points) > 5000
    np.testing.assert_allclose(sweep.points[:, 2], -1.73, atol=1e-3)
    distance = np.linalg.norm(sweep.points[:, :3], axis=1)
    expected = 1.73 / np.sin(-hdl64e_elevations()[sweep.beams])
    np.testing.assert_allclose(distance, expected, rtol=1e-3)


def test_a_wall_by_hand(flat_world):
    wall = box((10.5, 0, 2), (1, 40, 10), Material.WALL, (.5, .5, .5))
    sweep = sweep_of(flat_world(fixed=[wall]))
    front = sweep.points[(sweep.instances == STATIC)]
    np.testing.assert_allclose(front[:, 0], 10.0, atol=1e-3)
    assert front[:, 1].max() > 15 and front[:, 1].min() < -15


def test_firings_tell_the_azimuth(flat_world):
    sweep = sweep_of(flat_world())
    azimuth = np.degrees(np.arctan2(sweep.points[:, 1], sweep.points[:, 0]))
    steps = (180.0 - azimuth) - sweep.firings
    assert ((steps % 360) >= 0).all() and np.ptp(steps % 360) < .01  # one phase for all


def test_noise_is_bounded_and_has_the_right_size(flat_world):
    noisy = sweep_of(flat_world(), replace(QUIET, range_noise=.02))
    distance = np.linalg.norm(noisy.points[:, :3], axis=1)
    error = distance - 1.73 / np.sin(-hdl64e_elevations()[noisy.beams])
    assert np.abs(error).max() < .0605
    assert error.std() == pytest.approx(.02, rel=.1)


def test_limits_of_range_and_field(flat_world):
    wall = box((60, 0, 5), (1, 100, 12), Material.WALL, (.5, .5, .5))
    front = sweep_of(flat_world(fixed=[wall]), replace(QUIET, field_of_view=90, max_range=50))
    azimuth = np.degrees(np.arctan2(front.points[:, 1], front.points[:, 0]))
    assert np.abs(azimuth).max() <= 45.01 and np.abs(azimuth).max() > 43
    assert np.linalg.norm(front.points[:, :3], axis=1).max() < 50.01
    assert not (front.instances == STATIC).any()
    far = sweep_of(flat_world(fixed=[wall]), replace(QUIET, field_of_view=90, max_range=70))
    assert (far.instances == STATIC).any()


def test_intensity_depends_on_material_and_angle(flat_world):
    def intensity(material, turn):
        wall = box((10.5, 0, 2), (1, 2, 10), material, (.5, .5, .5))
        if turn:
            from sparse3d.simulate.mesh import place
            wall = place(wall, (2.5, -8.0, 0.0), turn)
        sweep = sweep_of(flat_world(fixed=[wall]))
        return sweep.points[sweep.instances == STATIC, 3].mean()
    plain, plate = intensity(Material.WALL, 0), intensity(Material.PLATE, 0)
    assert plate > 1.5 * plain > 0
    assert intensity(Material.WALL, .9) < .9 * plain


def test_glass_loses_most_pulses(flat_world):
    def count(material):
        wall = box((10.5, 0, 2), (1, 10, 10), material, (.5, .5, .5))
        return (sweep_of(flat_world(fixed=[wall])).instances == STATIC).sum()
    assert .2 < count(Material.GLASS) / count(Material.WALL) < .5


def test_points_of_a_car_lie_in_its_box(flat_world, car):
    sweep = sweep_of(flat_world([(car, (12.0, 3.0, .6))]), replace(QUIET, azimuths=2000))
    points = sweep.points[sweep.instances == 0, :3] - [12.0, 3.0, -1.73]
    local = points @ np.array([[np.cos(.6), -np.sin(.6), 0], [np.sin(.6), np.cos(.6), 0],
                               [0, 0, 1]])
    half = np.array(car.size) / 2
    assert len(points) > 300
    assert (np.abs(local[:, :2]) < half[:2] + 1e-3).all()
    assert (local[:, 2] > -1e-3).all() and (local[:, 2] < car.size[2] + 1e-3).all()
    assert np.abs(local[:, 0]).max() > half[0] - .05  # and reach its faces


def test_same_seed_same_sweep(flat_world):
    first, second, other = (sweep_of(flat_world(), seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.points, second.points)
    assert first.points.shape != other.points.shape or (first.points != other.points).any()


def test_nothing_in_sight_gives_no_points(flat_world):
    up = replace(QUIET, elevations=np.radians(np.array([30.0, 60.0])))
    sweep = sweep_of(flat_world(), up)
    assert sweep.points.shape == (0, 4) and sweep.points.dtype == np.float32
    assert len(sweep.instances) == len(sweep.beams) == len(sweep.firings) == 0
