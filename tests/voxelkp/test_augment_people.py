"""Transforms of people: each person alone, squares around them, kinds of clouds."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes, LiDARPoints

from sparse3d.errors import ConfigError
from sparse3d.structures.keypoints import Keypoints3D
from voxelkp.augment_people import (
    AugmentPeople,
    add_noise,
    cut_side,
    exchange_points,
    turn,
    turn_and_stretch,
)
from voxelkp.crop_around_objects import CropAroundObjects, in_crops
from voxelkp.evaluation_variants import KeypointMetricByVariant, SetEvaluationVariant

BOXES = np.array([[5., 1, -1, .8, .6, 1.8, .4], [-6, 3, -.5, 1, 1, 1.6, -2],
                  [9, -9, 0, 1, 1, 2, 0]])


def sample(boxes: np.ndarray = BOXES, each: int = 200) -> dict:
    """Points and joints inside the boxes, and far ground."""
    random = np.random.default_rng(0)
    local = random.uniform(-.49, .49, (len(boxes), each + 14, 3)) * boxes[:, None, 3:6]
    centers = boxes[:, :3] + boxes[:, [5]] * [0, 0, .5]
    inside = np.stack([rows @ turn(box[6]).T + center for rows, box, center in
                       zip(local, boxes, centers, strict=True)]) if len(boxes) else local
    ground = np.column_stack([random.uniform(-20, 20, (300, 2)), np.full(300, -3.0)])
    xyz = np.concatenate([inside[:, 14:].reshape(-1, 3), ground])
    points = np.column_stack([xyz, random.uniform(0, 1, (len(xyz), 2))]).astype(np.float32)
    return dict(
        points=LiDARPoints(points, points_dim=5),
        gt_bboxes_3d=LiDARInstance3DBoxes(torch.from_numpy(boxes).float()),
        gt_labels_3d=np.zeros(len(boxes), np.int64),
        gt_keypoints_3d=Keypoints3D(torch.from_numpy(inside[:, :14]).float()))


def relative(results: dict) -> tuple[np.ndarray, np.ndarray]:
    """Points of the people and joints as shares of their own box."""
    boxes = results['gt_bboxes_3d'].tensor.numpy().astype(float)
    points = results['points'].tensor.numpy()[:len(boxes) * 200, :3].reshape(len(boxes), 200, 3)
    joints = results['gt_keypoints_3d'].points.numpy()
    centers = boxes[:, :3] + boxes[:, [5]] * [0, 0, .5]
    return tuple(np.stack([(rows - center) @ turn(box[6]) / box[3:6] for rows, box, center in
                           zip(part, boxes, centers, strict=True)]) for part in (points, joints))


def test_points_joints_and_box_of_every_person_move_together():
    still = dict(exchange=(0, 0), cut=(0, 0), noise=(0, 0, 0))
    before = relative(sample())
    results = AugmentPeople(rotation=0.5, scale=(0.8, 1.2), **still).transform(sample())
    for old, new in zip(before, relative(results), strict=True):
        np.testing.assert_allclose(new, old, atol=1e-4)
    boxes, old = results['gt_bboxes_3d'].tensor.numpy(), sample()['gt_bboxes_3d'].tensor.numpy()
    assert (np.abs(boxes[:, 6] - old[:, 6]) > 1e-3).all()       # every one of them
    assert (np.abs(boxes[:, 3] / old[:, 3] - 1) > 1e-3).all()
    np.testing.assert_allclose(boxes[:, 2] + boxes[:, 5] / 2, old[:, 2] + old[:, 5] / 2, atol=1e-5)
    ground = sample()['points'].tensor[600:]
    assert torch.equal(results['points'].tensor[600:], ground)


def test_a_quarter_turn_by_hand():
    points = np.array([[1.2, 0.1, 0.5, 7.0]])
    boxes = np.array([[1.0, 0.0, 0.0, 1.0, 0.5, 1.0, 0.0]])
    turn_and_stretch(points, boxes, np.array([np.pi / 2]), np.array([1.1]))
    np.testing.assert_allclose(points, [[0.89, 0.22, 0.5, 7.0]], atol=1e-12)
    np.testing.assert_allclose(boxes, [[1, 0, -.05, 1.1, .55, 1.1, np.pi / 2]], atol=1e-12)


def test_exchanged_points_land_in_a_person():
    points = sample()['points'].tensor.numpy().astype(float)
    more = exchange_points(points, BOXES, 0.1)
    assert len(more) == len(points) + 60 and np.array_equal(more[:len(points)], points)
    near = [np.linalg.norm(more[len(points):, None, :2] - BOXES[:, :2], axis=-1).min(1)]
    assert np.max(near) < 1.0


@pytest.mark.parametrize(('axis', 'sign'), [(2, 1), (2, -1), (1, 1), (1, -1)])
def test_cut_on_the_side_of_the_person(axis, sign):
    points = sample()['points'].tensor.numpy().astype(float)
    before = relative(sample())[0]
    left = cut_side(points, BOXES, axis, sign, np.full(3, 0.2))
    gone = len(points) - len(left)
    assert gone == (sign * before[..., axis] >= 0.3).sum() > 0


LONG = np.array([[3.0, 2, 1, 4, 1, 2, 0.7]])


def crowd(count: int = 4000) -> np.ndarray:
    """Points all over one long box, told apart by their last column."""
    local = np.random.default_rng(0).uniform(-.499, .499, (count, 3)) * LONG[0, 3:6]
    xyz = local @ turn(LONG[0, 6]).T + LONG[0, :3] + [0, 0, 1]
    return np.column_stack([xyz, np.arange(count)])


def in_the_box(points: np.ndarray) -> np.ndarray:
    return (points[:, :3] - LONG[0, :3] - [0, 0, 1]) @ turn(LONG[0, 6])


def test_every_side_is_cut_and_front_and_back_are_not(monkeypatch):
    augment = AugmentPeople(exchange=(0, 0), cut=(1, 0.2), noise=(0, 0, 0))
    monkeypatch.setattr(np.random, 'uniform', lambda low, high, size: np.full(size, high))
    points = crowd()
    left = in_the_box(augment._disturb(points, LONG))
    shares = np.abs(in_the_box(points)) / LONG[0, 3:6]
    assert len(left) == ((shares[:, 1] < 0.3) & (shares[:, 2] < 0.3)).sum()
    np.testing.assert_allclose(np.abs(left).max(0), [1.99, 0.3, 0.6], atol=0.02)


def test_noise_is_in_proportion_to_each_side_of_the_box():
    np.random.seed(0)
    points = crowd()
    more = add_noise(points, LONG, 1.0, 0.1)[len(points):]
    assert len(more) == len(points)
    spread = (more[:, :3] - points[more[:, 3].astype(int), :3]).std(0)
    np.testing.assert_allclose(spread, [0.4, 0.1, 0.2], rtol=0.05)


def test_exchanged_points_keep_their_place_in_the_person(monkeypatch):
    monkeypatch.setattr(np.random, 'permutation', lambda rows: np.arange(rows)[::-1]
                        if np.ndim(rows) == 0 else rows)
    points = sample()['points'].tensor.numpy().astype(float)
    copies = exchange_points(points, BOXES[:2], 1.0)[len(points):]
    middles = BOXES[:2, :3] + BOXES[:2, [5]] * [0, 0, .5]
    np.testing.assert_allclose(copies[:200, :3] - middles[1], points[:200, :3] - middles[0],
                               atol=1e-9)


def test_noise_is_added_beside_the_points():
    points = sample()['points'].tensor.numpy().astype(float)
    more = add_noise(points, BOXES, 0.2, 0.1)
    assert len(more) == len(points) + 120
    assert np.isin(more[len(points):, 3], points[:, 3]).all()   # intensity is copied


def test_nobody_to_change():
    results = sample(BOXES[:0])
    points = results['points'].tensor.clone()
    assert torch.equal(AugmentPeople().transform(results)['points'].tensor, points)
    assert 'rotation' in repr(AugmentPeople()) and 'side' in repr(CropAroundObjects())


def test_squares_around_people_hold_all_their_points_and_little_else():
    np.random.seed(0)
    results = CropAroundObjects(side=3.0, elsewhere=0.0).transform(sample())
    points = results['points'].tensor.numpy()
    people = np.isin(points, sample()['points'].tensor[:600].numpy()).all(axis=1)
    assert people.sum() == 600 and len(results['gt_bboxes_3d']) == 3
    from_people = np.abs(points[:, None, :2] - BOXES[:, :2]).max(axis=-1)
    # Half a square off its middle by an eighth, and one square elsewhere.
    assert (from_people.min(axis=1) > 1.5 + 0.375 + 0.2).sum() <= 9
    assert 600 < len(points) < 660                               # of 900


def test_squares_elsewhere_where_nobody_is():
    np.random.seed(0)
    kept = CropAroundObjects(side=3.0, elsewhere=0.5).transform(sample(BOXES[:0]))['points']
    assert 0 < len(kept) < 30                                    # of 300 over 40 m by 40 m
    nothing = sample(BOXES[:0])
    nothing['points'] = nothing['points'][torch.zeros(300, dtype=torch.bool)]
    assert len(CropAroundObjects().transform(nothing)['points']) == 0


def test_in_squares_against_distances():
    random = np.random.default_rng(2)
    points = random.uniform(-10, 10, (2000, 2))
    centers = np.concatenate([random.uniform(-12, 12, (9, 2)), [[50.0, 0.0]]])
    distance = np.abs(points[:, None] - centers).max(axis=-1).min(axis=1)
    kept = in_crops(points, centers, 2.0)
    assert kept[distance < 0.8].all() and not kept[distance > 1.2].any()
    assert 0 < kept.sum() < len(points)


def test_kinds_of_clouds():
    assert SetEvaluationVariant('raw').transform({})['evaluation_variant'] == 'raw'
    with pytest.raises(ConfigError, match='raw or cleaned'):
        SetEvaluationVariant('dirty')


class Info:
    """An info file of one frame with two people, one of them far away."""

    def __init__(self) -> None:
        self.joints = np.random.default_rng(1).uniform(-.3, .3, (2, 14, 3))
        self.boxes = np.array([[5., 1, 0, 1, 1, 1.8, 0], [60, 1, 0, 1, 1, 1.8, 0]])
        self.joints += self.boxes[:, None, :3] + [0, 0, .9]
        self.content = dict(data_list=[dict(
            lidar_points=dict(lidar_path='1.bin'),
            instances=[dict(bbox_3d=box.tolist(), bbox_label_3d=1, num_lidar_pts=9,
                            keypoints_3d=joints.tolist(), keypoints_visible=[2] * 14)
                       for box, joints in zip(self.boxes, self.joints, strict=True)])])

    def found(self, shift: float, cloud: str) -> dict:
        moved = self.joints + np.array([[[shift, 0, 0]], [[2 * shift, 0, 0]]])
        keypoints = Keypoints3D(torch.from_numpy(moved).float(), torch.full((2, 14), 2.0))
        boxes = LiDARInstance3DBoxes(torch.from_numpy(self.boxes).float())
        return dict(lidar_path='1.bin', evaluation_variant=cloud, pred_instances_3d=dict(
            bboxes_3d=boxes, scores_3d=torch.ones(2), keypoints_3d=keypoints))


@pytest.mark.parametrize(('region', 'factor'), [(None, 1.5), ([-20, -20, -2, 20, 20, 4], 1)])
def test_each_kind_is_scored_by_itself(monkeypatch, region, factor):
    """The second person, twice as wrong, is far away."""
    info = Info()
    monkeypatch.setattr('sparse3d.datasets.waymo.keypoints.metric.read_info_file',
                        lambda *arguments: info.content)
    metric = KeypointMetricByVariant('infos.pkl', evaluation_range=region)
    metric.process({}, [info.found(0.1, 'raw')])
    metric.process({}, [info.found(0.02, 'cleaned')])
    scores = metric.compute_metrics(metric.results)
    assert scores['raw/voxelkp/MPJPE/ALL'] == pytest.approx(0.1 * factor, abs=1e-5)
    assert scores['cleaned/voxelkp/MPJPE/ALL'] == pytest.approx(0.02 * factor, abs=1e-5)
    assert scores['raw/waymo/PEM/ALL'] == pytest.approx(0.1 * factor, abs=1e-5)
    assert len(scores) == 672
    only_raw = metric.compute_metrics(metric.results[:1])
    assert {key.partition('/')[0] for key in only_raw} == {'raw'}
