"""Skeletons: which limbs and colors, close pictures of people."""
from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sparse3d.visualization import Boxes, Frame, draw_bev, draw_people
from sparse3d.visualization.colors import GROUND_TRUTH
from sparse3d.visualization.people_panels import people_centers, side_view
from sparse3d.visualization.scene_3d import scene_geometries
from sparse3d.visualization.skeleton_lines import LEFT, LIMBS, RIGHT, skeleton_segments


def people(places: list[tuple[float, float]], scores: bool = False) -> Boxes:
    random = np.random.default_rng(0)
    boxes = np.array([[x, y, -1.5, 0.7, 0.7, 1.8, 0.0] for x, y in places]).reshape(-1, 7)
    joints = boxes[:, None, :3] + random.uniform([-.3, -.3, 0], [.3, .3, 1.8], (len(boxes), 14, 3))
    return Boxes(boxes, np.zeros(len(boxes), int), np.full(len(boxes), .8) if scores else None,
                 joints, np.full((len(boxes), 14), 2.0))


def frame(gt=((8, 2), (20, -5)), pred=((8.2, 2.1), (12, 6))) -> Frame:
    points = np.random.default_rng(1).uniform([0, -10, -2], [30, 10, 1], (500, 3))
    return Frame('7', points, ('Human',), people(list(gt)), people(list(pred), scores=True))


def limb(first: int, second: int) -> int:
    return [tuple(sorted(pair)) for pair in LIMBS.tolist()].index((first, second))


def test_limbs_by_hand():
    joints, visibility = np.zeros((1, 14, 3)), np.full((1, 14), 2.0)
    joints[0, :, 0] = np.arange(14)
    segments, colors = skeleton_segments(joints, visibility)
    assert len(segments) == len(LIMBS) == 15
    assert {tuple(sorted(pair)) for pair in segments[..., 0].astype(int).tolist()} == {
        tuple(sorted(pair)) for pair in LIMBS.tolist()}
    assert tuple(colors[limb(3, 5)]) == LEFT and tuple(colors[limb(4, 6)]) == RIGHT
    visibility[0, 5] = 0.9                       # uncertain wrist
    visibility[0, 6] = 0.0                       # no wrist
    segments, colors = skeleton_segments(joints, visibility)
    assert len(segments) == 14 and 6 not in segments[..., 0]
    assert tuple(colors[limb(3, 5)]) != LEFT     # paler
    _, colors = skeleton_segments(joints, None, ground_truth=True)
    assert np.allclose(colors, GROUND_TRUTH)


def test_the_left_of_the_walker_is_odd():
    assert {joint for first, second in LIMBS[3:9] for joint in (first, second)} == {
        13, 1, 3, 5, 7, 9, 11}


@pytest.mark.parametrize('shape', [(0, 14, 3), (2, 5, 3)])
def test_nobody_and_other_skeletons(shape):
    segments, colors = skeleton_segments(np.zeros(shape), None)
    assert segments.shape == (0, 2, 3) and colors.shape == (0, 3)


def test_boxes_keep_joints_through_choosing_and_turning():
    boxes = people([(8, 2), (20, -5)], scores=True)
    boxes.scores[:] = 0.4, 0.9
    best = boxes.above(0.5)
    assert len(best) == 1 and np.allclose(best.joints[0], boxes.joints[1])
    turned = boxes.turned(np.pi / 2)
    assert np.allclose(turned.joints[..., 0], -boxes.joints[..., 1])
    assert frame().has_joints and not frame().without_joints().has_joints


def test_the_side_view_looks_from_the_sensor():
    center = np.array([10.0, 0, 0])
    assert np.allclose(side_view(np.array([10.0, -1, 2]), center), [1, 2])   # y is left
    behind = np.array([-10.0, 0, 0])
    assert np.allclose(side_view(np.array([-10.0, 1, 2]), behind), [1, 2])


def test_people_share_a_panel_and_come_nearest_first():
    centers = people_centers(frame())
    assert np.allclose(centers[:, :2], [[8, 2], [12, 6], [20, -5]])
    assert np.allclose(centers[:, 2], -0.6)
    assert len(people_centers(frame((), ()))) == 0


@pytest.mark.parametrize('drawn', [frame(), frame((), ()), frame().without_joints()])
def test_people_can_be_drawn(tmp_path, drawn):
    draw_people(drawn, tmp_path / 'people.png')
    draw_bev(drawn, tmp_path / 'above.png')
    assert Image.open(tmp_path / 'people.png').size[0] > 500


def test_skeletons_are_part_of_the_scene():
    pytest.importorskip('open3d')
    names = [item['name'] for item in scene_geometries(frame())]
    assert 'labeled joints' in names and 'detected joints' in names
    assert not any('joints' in item['name'] for item in scene_geometries(frame().without_joints()))
    lines = next(item for item in scene_geometries(frame()) if item['name'] == 'detected joints')
    assert len(lines['geometry'].lines) == 30
    assert np.unique(np.asarray(lines['geometry'].colors), axis=0).shape[0] == 3
