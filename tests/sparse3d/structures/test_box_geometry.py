import numpy as np
import torch
from mmcv.ops import points_in_boxes_cpu
from mmdet3d.structures.ops.box_np_ops import points_in_rbbox
from shapely.geometry import Polygon

from sparse3d.structures.box_geometry import (
    bev_corners,
    boxes_collide,
    points_in_any_box,
    points_in_box,
    points_in_each_box,
)


def _boxes(count: int, seed: int = 0, spread: float = 10) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.column_stack([
        random.uniform(-spread, spread, (count, 2)), random.uniform(-1, 1, count),
        random.uniform(0.5, 5, (count, 3)), random.uniform(-4, 4, count)])


def test_corners_of_a_turned_box_by_hand():
    corners = bev_corners(np.array([[10, 5, 0, 4, 2, 1, np.pi / 2]]))[0]
    np.testing.assert_allclose(corners, [[11, 7], [9, 7], [9, 3], [11, 3]])


def test_points_in_a_turned_box_by_hand():
    box = np.array([10, 5, -1, 4, 2, 1.5, np.pi / 2])  # 4 m along y, 2 m along x
    points = np.array([[10, 6.9, 0], [10, 7.1, 0], [10.9, 5, 0], [11.1, 5, 0], [10, 5, 0.4],
                       [10, 5, 0.6], [10, 5, -0.9], [10, 5, -1.1]])
    assert points_in_box(points, box).tolist() == [0, 2, 4, 6]


def test_points_in_box_agree_with_mmdet3d_and_mmcv():
    random = np.random.default_rng(0)
    points = random.uniform(-12, 12, (5000, 3)).astype(np.float32)
    points[:, 2] /= 4
    boxes = _boxes(20)
    ours = np.stack([np.isin(np.arange(5000), points_in_box(points, box)) for box in boxes], 1)
    np.testing.assert_array_equal(ours, points_in_rbbox(points, boxes))
    of_mmcv = points_in_boxes_all(points, boxes)
    np.testing.assert_array_equal(ours, of_mmcv)
    assert ours.sum() > 100


def points_in_boxes_all(points, boxes):
    """mmcv's CPU operator wants the center of the bottom face too: (B, N, M) of 0 and 1."""
    tensors = torch.from_numpy(points)[None], torch.from_numpy(boxes).float()[None]
    result = points_in_boxes_cpu(*tensors)
    return result[0].numpy().astype(bool)


def test_collisions_agree_with_polygons():
    first, second = _boxes(40, 1), _boxes(50, 2)
    expected = [[Polygon(a).intersection(Polygon(b)).area > 1e-9 for b in bev_corners(second)]
                for a in bev_corners(first)]
    np.testing.assert_array_equal(boxes_collide(first, second), expected)
    assert 10 < np.sum(expected) < 2000


def test_touching_boxes_do_not_collide():
    boxes = np.array([[0, 0, 0, 2, 2, 1, 0], [2, 0, 0, 2, 2, 1, 0], [1.9, 0, 0, 2, 2, 1, 0.0]])
    assert boxes_collide(boxes[:1], boxes[1:]).tolist() == [[False, True]]


def test_nothing_collides_with_nothing():
    assert boxes_collide(np.zeros((0, 7)), _boxes(3)).shape == (0, 3)
    assert boxes_collide(_boxes(3), np.zeros((0, 7))).shape == (3, 0)
    assert len(points_in_box(np.zeros((0, 4)), _boxes(1)[0])) == 0


def test_points_in_any_box_are_those_of_each():
    random = np.random.default_rng(0)
    points = random.uniform(-5, 5, (3000, 5)).astype(np.float32)
    points[5] = np.nan
    boxes = random.uniform(-4, 4, (9, 7)).astype(np.float32)
    boxes[:, 3:6] = random.uniform(0.5, 4, (9, 3))
    each = [points_in_box(points, box) for box in boxes]
    np.testing.assert_array_equal(points_in_any_box(points, boxes), np.unique(np.concatenate(each)))
    for ours, alone in zip(points_in_each_box(points, boxes), each, strict=True):
        np.testing.assert_array_equal(ours, alone)
    assert points_in_each_box(points, boxes[:0]) == []
    assert len(points_in_any_box(points, boxes[:0])) == 0
    assert len(points_in_any_box(points[:0], boxes)) == 0
