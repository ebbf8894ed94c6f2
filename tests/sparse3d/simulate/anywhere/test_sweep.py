"""One turn of a random sensor: where points lie, what is lost, what shines through."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sparse3d.simulate.anywhere.bodies import build_body
from sparse3d.simulate.anywhere.sensors import Sensor
from sparse3d.simulate.anywhere.sweep import EGO, sensor_from_world, sweep
from sparse3d.simulate.materials import Material
from sparse3d.simulate.mesh import box, merge, place
from sparse3d.simulate.poses import apply
from sparse3d.simulate.ray_casting import RayCaster
from sparse3d.simulate.scene import GROUND, STATIC, Daylight, Snapshot
from sparse3d.simulate.terrain import Relief, Road, Terrain
from sparse3d.structures.box_geometry import points_in_box

SIZE = (4.4, 1.8, 1.5)
QUIET = Sensor(np.radians(np.linspace(3, -25, 40)), 1200, 1.8, range_noise=0.)


def snapshot():
    """A car 8 m ahead on a flat floor, a wall 20 m ahead behind it."""
    car = place(build_body('sedan', SIZE, (.8, .8, .8), np.random.default_rng(0)), (8, 0, 0), 1.57)
    floor = box((0, 0, -.5), (120, 120, 1), Material.ASPHALT, (.3, .3, .3))
    wall = box((20, 0, 2), (.2, 40, 4), Material.WALL, (.6, .6, .6))
    parts = {GROUND: floor, STATIC: wall, 0: car}
    numbers = np.repeat(list(parts), [len(part.triangles) for part in parts.values()])
    return Snapshot(Terrain(Road(), Relief()), Daylight(np.array([0, 0, 1.])), (), np.eye(4),
                    RayCaster(merge(list(parts.values())), numbers.astype(np.int32)))


def seen(**changes):
    return sweep(snapshot(), replace(QUIET, **changes), np.random.default_rng(1))


def test_points_lie_on_what_they_hit():
    found = seen()
    ground = found.points[found.instances == GROUND]
    np.testing.assert_allclose(ground[:, 2], -1.8, atol=2e-3)
    car = found.points[found.instances == 0]
    inside = points_in_box(car, np.array([8, 0, -1.8, 4.8, 2.4, 1.52, 1.57]))
    assert len(inside) == len(car) > 300


def test_a_pulse_goes_through_a_window_and_meets_the_wall_behind():
    def behind(share):
        found = seen(glass=share)
        wall = found.points[found.instances == STATIC]
        return ((np.abs(wall[:, 1]) < 3) & (wall[:, 2] < -.2)).sum()
    assert behind(1.) > behind(0.) + 20


def test_noise_and_offsets_of_rings_move_points_along_their_rays():
    offsets = np.zeros(40)
    offsets[-1] = .3
    still, moved = seen(), seen(ring_offsets=offsets)
    last = still.rings == 39
    np.testing.assert_allclose(np.linalg.norm(moved.points[last, :3], axis=1)
                               - np.linalg.norm(still.points[last, :3], axis=1), .3, atol=1e-3)
    np.testing.assert_array_equal(moved.points[~last], still.points[~last])


def test_drops_blind_sectors_and_rings_lose_their_share():
    whole = len(seen().points)
    assert len(seen(drop=.5).points) == pytest.approx(whole / 2, rel=.05)
    half = seen(blind=((np.pi / 2, np.pi / 2, 1.),)).points
    assert (half[:, 1] < .3).all()
    drops = np.zeros(40)
    drops[5:] = 1
    assert seen(ring_drops=drops).rings.max() < 5


def test_an_insensitive_sensor_sees_the_ground_less_far():
    def reach(sensitivity):
        found = seen(sensitivity=sensitivity)
        ground = found.points[found.instances == GROUND]
        return np.quantile(np.hypot(ground[:, 0], ground[:, 1]), .95)
    assert reach(.02) < .75 * reach(1.)


def test_the_own_vehicle_answers_below_the_sensor():
    found = seen(ego=(2., 1., .3))
    own = found.points[found.instances == EGO]
    assert len(own) > 100
    np.testing.assert_allclose(own[:, 2], -.3, atol=1e-3)


def test_a_tilted_sensor_reports_in_its_own_frame():
    sensor = replace(QUIET, roll=.02, pitch=-.03)
    found = sweep(snapshot(), sensor, np.random.default_rng(1))
    back = np.linalg.inv(sensor_from_world(snapshot(), sensor))
    ground = apply(back, found.points[found.instances == GROUND, :3].astype(float))
    np.testing.assert_allclose(ground[:, 2], 0, atol=3e-3)


def test_intensities_have_the_unit_of_the_sensor():
    assert seen(unit=0.).points[:, 3].max() == 0
    assert seen(unit=255.).points[:, 3].max() > 20 > 1 > seen(unit=1.).points[:, 3].max()
