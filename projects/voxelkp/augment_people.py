"""Augmentation of every person alone: turned, stretched, noisy, partly hidden."""
from __future__ import annotations

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import LiDARInstance3DBoxes

from sparse3d.structures.box_geometry import points_in_each_box

SIDES = (('top', 2, 1), ('bottom', 2, -1), ('left', 1, 1), ('right', 1, -1))  # axis, sign


@TRANSFORMS.register_module()
class AugmentPeople(BaseTransform):
    """Change the people of a sample one by one; points, box and joints of a person together.

    Needs and changes ``points`` and ``gt_bboxes_3d``, and ``gt_keypoints_3d`` where there are
    joints. In this order: each person is turned about the vertical axis of the box and stretched
    about its center; with their probabilities, once for all people of the sample, a share of
    each person's points is copied to another person, a slice of each is cut off on a side, and
    a share is copied with noise.

    Args:
        rotation: largest angle in radians.
        scale: smallest and largest factor.
        exchange: probability, and share of the points that another person gets as well.
        cut: probability for each side (top, bottom, left, right), and largest share of the
            extent.
        noise: probability, share of the points, and spread as a share of the box's size.

    Source: VoxelKP (ICCV 2025), released training recipe; there only the first person was
    turned and stretched, and joints were stretched about the origin.
    """

    def __init__(self, rotation: float = 0.157, scale: tuple[float, float] = (0.95, 1.05),
                 exchange: tuple[float, float] = (0.3, 0.1),
                 cut: tuple[float, float] = (0.05, 0.2),
                 noise: tuple[float, float, float] = (0.3, 0.2, 0.2)) -> None:
        self.rotation, self.scale = rotation, scale
        self.exchange, self.cut, self.noise = exchange, cut, noise

    def transform(self, results: dict) -> dict:
        """Change one sample."""
        boxes = results['gt_bboxes_3d'].tensor.numpy().copy()
        if not len(boxes):
            return results
        points = results['points'].tensor.numpy().copy()
        angles = np.random.uniform(-self.rotation, self.rotation, len(boxes))
        factors = np.random.uniform(*self.scale, len(boxes))
        turn_and_stretch(points, boxes, angles, factors)
        points = self._disturb(points, boxes)
        if 'gt_keypoints_3d' in results:
            results['gt_keypoints_3d'] = moved_joints(
                results['gt_keypoints_3d'], results['gt_bboxes_3d'], angles, factors)
        results['gt_bboxes_3d'] = LiDARInstance3DBoxes(boxes, box_dim=boxes.shape[1])
        results['points'] = type(results['points'])(
            points, points_dim=points.shape[1],
            attribute_dims=results['points'].attribute_dims)
        return results

    def _disturb(self, points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        if np.random.rand() < self.exchange[0]:
            points = exchange_points(points, boxes, self.exchange[1])
        for _, axis, sign in SIDES:
            if np.random.rand() < self.cut[0]:
                points = cut_side(points, boxes, axis, sign,
                                  np.random.uniform(0, self.cut[1], len(boxes)))
        if np.random.rand() < self.noise[0]:
            points = add_noise(points, boxes, *self.noise[1:])
        return points

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(rotation={self.rotation}, scale={self.scale}, '
                f'exchange={self.exchange}, cut={self.cut}, noise={self.noise})')


def turn_and_stretch(points: np.ndarray, boxes: np.ndarray, angles: np.ndarray,
                     factors: np.ndarray) -> None:
    """Move the points in each box [M, >= 7] (z at the bottom) and the box itself, in place."""
    rows = points_in_each_box(points, boxes)
    centers = box_centers(boxes)
    for inside, center, angle, factor in zip(rows, centers, angles, factors, strict=True):
        turned = (points[inside, :3] - center) @ turn(angle).T * factor
        points[inside, :3] = turned + center
    boxes[:, 2] = centers[:, 2] - boxes[:, 5] / 2 * factors
    boxes[:, 3:6] *= factors[:, None]
    boxes[:, 6] += angles


def moved_joints(joints, boxes: LiDARInstance3DBoxes, angles: np.ndarray,
                 factors: np.ndarray):
    """Joints of people turned and stretched about the centers of their (old) boxes."""
    center = boxes.gravity_center
    angles, factors = (torch.from_numpy(values).float() for values in (angles, factors))
    return joints.rotate(angles, center).scale(factors, center)


def exchange_points(points: np.ndarray, boxes: np.ndarray, share: float) -> np.ndarray:
    """Copy a share of each person's points to the same place of another person."""
    others = np.random.permutation(len(boxes))
    centers = box_centers(boxes)
    copies = []
    rows = points_in_each_box(points, boxes)
    for number, other in enumerate(others):
        chosen = some_rows(rows[number], share)
        copy = points[chosen].copy()
        copy[:, :3] += centers[other] - centers[number]
        copies.append(copy)
    return np.concatenate([points, *copies])


def cut_side(points: np.ndarray, boxes: np.ndarray, axis: int, sign: int,
             shares: np.ndarray) -> np.ndarray:
    """Take away a slice of each person on one side; ``axis`` 1 is the person's left, 2 up."""
    gone = np.zeros(len(points), dtype=bool)
    rows = points_in_each_box(points, boxes)
    for inside, box, center, share in zip(rows, boxes, box_centers(boxes), shares, strict=True):
        local = (points[inside, :3] - center) @ turn(box[6])
        gone[inside] |= sign * local[:, axis] >= (0.5 - share) * box[3 + axis]
    return points[~gone]


def add_noise(points: np.ndarray, boxes: np.ndarray, share: float, std: float) -> np.ndarray:
    """Copy a share of each person's points with noise in proportion to the box."""
    copies = []
    for inside, box in zip(points_in_each_box(points, boxes), boxes, strict=True):
        copy = points[some_rows(inside, share)].copy()
        copy[:, :3] += np.random.normal(size=(len(copy), 3)) * box[3:6] * std
        copies.append(copy)
    return np.concatenate([points, *copies])


def some_rows(rows: np.ndarray, share: float) -> np.ndarray:
    """A random share of some row numbers, rounded down."""
    return np.random.permutation(rows)[:int(len(rows) * share)]


def box_centers(boxes: np.ndarray) -> np.ndarray:
    """Centers [M, 3] of boxes whose z is at the bottom."""
    return boxes[:, :3] + boxes[:, [5]] * [0, 0, 0.5]


def turn(angle: float) -> np.ndarray:
    """Rotation about z, counter-clockwise."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
