"""Labels say where things are, in KITTI's terms, and leave out what cannot be seen."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sparse3d.datasets.kitti.simulate.calibration import KittiCalibration
from sparse3d.datasets.kitti.simulate.drive import KittiOptions, simulate_frame
from sparse3d.datasets.kitti.simulate.labels import is_worth_a_label, occlusion_level, road_plane
from sparse3d.simulate.materials import Material
from sparse3d.simulate.mesh import box
from sparse3d.simulate.poses import inverse, pose
from sparse3d.simulate.terrain import Relief, Road, Terrain

OPTIONS = KittiOptions(azimuths=1000, lidar_field=120, image_scale=.5)


def frame_of(snapshot):
    return simulate_frame(snapshot, OPTIONS, np.random.default_rng(0))


def numbers(line: str) -> np.ndarray:
    return np.array([float(word) for word in line.split()[1:]])


def corners(values: np.ndarray) -> np.ndarray:
    """Corners of a labeled box in the camera frame, by the formula of KITTI's development kit."""
    h, w, length, x, y, z, ry = values[7:14]
    a = np.array([1, 1, -1, -1, 1, 1, -1, -1]) * length / 2
    b = np.array([1, -1, -1, 1, 1, -1, -1, 1]) * w / 2
    down = np.array([0, 0, 0, 0, -h, -h, -h, -h])
    return np.stack([x + np.cos(ry) * a + np.sin(ry) * b, y + down,
                     z - np.sin(ry) * a + np.cos(ry) * b], axis=1)


def test_a_car_straight_ahead_by_hand(flat_world, car):
    lines = frame_of(flat_world([(car, (15.0, 0.0, 0.0))])).labels
    assert len(lines) == 1 and lines[0].startswith('Car 0.00 0 ')
    values = numbers(lines[0])
    assert len(values) == 14
    length, width, height = car.size
    np.testing.assert_allclose(values[7:10], [height, width, length], atol=.006)
    # the LiDAR is 1.73 m above the ground, the camera .076 m below and .272 m before it
    np.testing.assert_allclose(values[10:13], [-.004, 1.73 - .076, 15 - .272], atol=.006)
    assert values[13] == pytest.approx(-np.pi / 2, abs=.006)
    assert values[2] == pytest.approx(-np.pi / 2, abs=.006)


@pytest.mark.parametrize('yaw', [0.0, .5, 1.5, -2.0, 3.0])
def test_the_2d_box_lies_tightly_in_the_projected_3d_box(flat_world, car, yaw):
    values = numbers(frame_of(flat_world([(car, (15.0, 3.0, yaw))])).labels[0])
    points = np.column_stack([corners(values), np.ones(8)])
    image = points @ KittiCalibration().projections[2].T
    pixels = image[:, :2] / image[:, 2:]
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    assert (values[3:5] > low - 1).all() and (values[5:7] < high + 1).all()
    assert ((values[5:7] - values[3:5]) > .8 * (high - low)).all()
    alpha = values[13] - np.arctan2(values[10], values[12])
    assert np.cos(alpha - values[2]) > .9999


def test_points_of_a_turned_car_lie_in_the_labeled_box(flat_world, car):
    frame = frame_of(flat_world([(car, (15.0, -3.0, 1.0))]))
    h, w, length, x, y, z, ry = numbers(frame.labels[0])[7:14]
    points = frame.sweep.points[frame.sweep.instances == 0, :3]
    local = np.column_stack([-points[:, 1], -points[:, 2], points[:, 0]]) + [
        -.004, -.076, -.272] - [x, y, z]
    along = np.cos(ry) * local[:, 0] - np.sin(ry) * local[:, 2]
    across = np.sin(ry) * local[:, 0] + np.cos(ry) * local[:, 2]
    assert len(points) > 100
    assert np.abs(along).max() < length / 2 + .07 and np.abs(across).max() < w / 2 + .07
    assert local[:, 1].max() < .07 and local[:, 1].min() > -h - .07


def test_what_nobody_sees_is_left_out(flat_world, car):
    wall = box((20, 0, 2), (.3, 60, 8), Material.WALL, (.5, .5, .5))
    assert frame_of(flat_world([(car, (30.0, 0.0, 0.0))], fixed=[wall])).labels == []


def test_no_actors_give_an_empty_label(flat_world):
    assert frame_of(flat_world()).labels == []


@pytest.mark.parametrize(('wall_edge', 'kind'), [(.51, 'DontCare'), (.46, 'Car')])
def test_a_sliver_of_a_car_is_dontcare_a_bit_more_a_car(flat_world, car, wall_edge, kind):
    wall = box((12, wall_edge - 3.2, 2), (.3, 6.4, 8), Material.WALL, (.5, .5, .5))
    frame = frame_of(flat_world([(car, (20.0, 0.0, 0.0))], fixed=[wall]))
    assert 0 < frame.sightings[0].view.visible_share < .1
    assert [line.split()[0] for line in frame.labels] == [kind]
    assert frame.labels[0].split()[2] == ('-1' if kind == 'DontCare' else '3')


def test_far_away_is_dontcare_in_kittis_columns(flat_world, car):
    words = frame_of(flat_world([(car, (95.0, 12.0, 0.0))])).labels[0].split()
    assert words[:4] == ['DontCare', '-1', '-1', '-10']
    assert words[8:] == ['-1', '-1', '-1', '-1000', '-1000', '-1000', '-10']
    assert float(words[6]) > float(words[4]) and float(words[7]) > float(words[5])


def test_the_rules_one_by_one(flat_world, car):
    sighting = frame_of(flat_world([(car, (15.0, 0.0, 0.0))])).sightings[0]
    view = sighting.view
    assert is_worth_a_label(sighting, depth=15)
    assert not is_worth_a_label(sighting, depth=-1)
    assert not is_worth_a_label(sighting, depth=81)
    assert not is_worth_a_label(replace(sighting, num_points=2), depth=15)
    for change in ({'truncation': .96}, {'visible_share': .04},
                   {'box': np.array([0, 0, 50, 11.0])}):
        assert not is_worth_a_label(replace(sighting, view=replace(view, **change)), depth=15)


def test_occlusion_levels():
    assert [occlusion_level(share) for share in (1, .8, .79, .5, .49, .15, .14, 0)] == [
        0, 0, 1, 1, 2, 2, 3, 3]


def test_the_road_plane_of_a_slope_by_hand():
    terrain = Terrain(Road(), Relief(slope=(.02, 0.0)))
    world_from_lidar = pose(np.array([0.0, 0.0, 1.73]))
    plane = road_plane(terrain, inverse(world_from_lidar), KittiCalibration())
    assert np.linalg.norm(plane[:3]) == pytest.approx(1) and plane[1] < -.99
    # ground point 10 m ahead of the LiDAR, in the camera frame
    point = np.array([-.004, 1.73 - .2 - .076, 10 - .272])
    assert plane[:3] @ point + plane[3] == pytest.approx(0, abs=1e-6)
