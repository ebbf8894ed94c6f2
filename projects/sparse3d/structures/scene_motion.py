"""A motion of the whole scene: turned, mirrored, stretched and moved, and back."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmdet3d.structures import LiDARInstance3DBoxes, LiDARPoints

from sparse3d.structures.keypoints import Keypoints3D

KINDS = ('flip', 'rotate', 'scale', 'translate')
_MIRROR = {'horizontal': (1, -1, 1, 1), 'vertical': (-1, 1, 1, 1)}


@dataclass(frozen=True)
class SceneMotion:
    """Steps that take the LiDAR frame to another one, applied to all that lies in it.

    Args:
        steps: pairs in the order of their application: ``('flip', 'horizontal')`` (mirrors y)
            or ``('flip', 'vertical')`` (mirrors x), ``('rotate', angle)`` in radians,
            counter-clockwise about z, ``('scale', factor)``, ``('translate', (x, y, z))`` in
            meters.

    Raises:
        ValueError: for another kind of step, a scale that is not positive.
    """
    steps: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        for kind, value in self.steps:
            if kind not in KINDS:
                raise ValueError(f'a step is one of {", ".join(KINDS)}, not {kind!r}')
            if kind == 'flip' and value not in _MIRROR:
                raise ValueError(f'a flip is horizontal or vertical, not {value!r}')
            if kind == 'scale' and not value > 0:
                raise ValueError(f'a scene is scaled by a positive number, not {value}')

    @property
    def matrix(self) -> np.ndarray:
        """(4, 4) float64: points of before to points of after, as columns."""
        matrix = np.eye(4)
        for kind, value in self.steps:
            matrix = _step_matrix(kind, value) @ matrix
        return matrix

    @property
    def scale(self) -> float:
        """How many times longer every distance becomes."""
        return math.prod(value for kind, value in self.steps if kind == 'scale')

    @property
    def inverse(self) -> SceneMotion:
        """The motion that undoes this one."""
        return SceneMotion(tuple(_undone(kind, value) for kind, value in reversed(self.steps)))

    def move_points(self, points: LiDARPoints) -> LiDARPoints:
        """Moved copy; further columns (intensity, time) stay."""
        matrix = torch.from_numpy(self.matrix).to(points.tensor)
        moved = points.tensor.clone()
        torch.addmm(matrix[:3, 3], points.tensor[:, :3], matrix[:3, :3].T, out=moved[:, :3])
        return points.new_point(moved)

    def move_boxes(self, boxes: LiDARInstance3DBoxes) -> LiDARInstance3DBoxes:
        """Moved copy, velocities too; yaws lie in [-pi, pi)."""
        boxes = boxes.clone()
        if not len(boxes):
            return boxes
        apply = dict(flip=boxes.flip, rotate=boxes.rotate, scale=boxes.scale,
                     translate=boxes.translate)
        for kind, value in self.steps:
            apply[kind](torch.as_tensor(value) if kind == 'translate' else value)
        boxes.limit_yaw(offset=0.5, period=2 * math.pi)
        return boxes

    def move_keypoints(self, keypoints: Keypoints3D) -> Keypoints3D:
        """Moved copy; mirrors swap left and right."""
        for kind, value in self.steps:
            keypoints = getattr(keypoints, kind)(value)
        return keypoints


def _step_matrix(kind: str, value: Any) -> np.ndarray:
    matrix = np.eye(4)
    if kind == 'flip':
        return np.diag(_MIRROR[value]).astype(np.float64)
    if kind == 'rotate':
        matrix[:2, :2] = ((math.cos(value), -math.sin(value)), (math.sin(value), math.cos(value)))
    elif kind == 'scale':
        matrix[:3, :3] *= value
    else:
        matrix[:3, 3] = value
    return matrix


def _undone(kind: str, value: Any) -> tuple[str, Any]:
    if kind == 'flip':
        return kind, value
    if kind == 'scale':
        return kind, 1 / value
    return kind, -value if kind == 'rotate' else tuple(-float(number) for number in value)
