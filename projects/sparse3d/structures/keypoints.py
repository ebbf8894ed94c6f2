"""Body joints of people in 3D, and what augmentation does to them.

Joints in the order of Waymo's LiDAR labels, and what connects them::

                 13 head center, 0 nose
                    |
      2 ------------+------------ 1      left and right are the person's own:
      |  right      |      left   |      left joints have odd, right joints even numbers
      4             |             3
      |             |             |      1/2 shoulders   3/4 elbows   5/6 wrists
      6         8 --+-- 7         5      7/8 hips        9/10 knees   11/12 ankles
                |       |
               10       9
                |       |
               12      11
"""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

JOINTS = (
    'nose', 'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow', 'left_wrist',
    'right_wrist', 'left_hip', 'right_hip', 'left_knee', 'right_knee', 'left_ankle',
    'right_ankle', 'head_center',
)
LEFT_RIGHT_PAIRS = ((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12))
WAYMO_TYPES = (1, 5, 13, 6, 14, 7, 15, 8, 16, 9, 17, 10, 18, 20)  # enum of the labels, per joint
MISSING, OCCLUDED, VISIBLE = 0, 1, 2

_FLIPPED_AXIS = {'horizontal': 1, 'vertical': 0}


class Keypoints3D:
    """Joints of M people, usable as a field of ``InstanceData`` beside their boxes.

    Objects are never changed: every operation returns a new one. The location of a joint
    whose visibility is 0 has no meaning.

    Args:
        points: (M, K, 3) x, y, z in meters, LiDAR frame.
        visibility: (M, K), 0 missing, 1 occluded, 2 visible; predictions may lie between.
            All visible by default.
        left_right_pairs: joints that change places in a mirror; for K = 14 those of Waymo.

    Raises:
        ValueError: for other shapes, or a pair beyond the joints.

    Source: Waymo Open Dataset, ``keypoint.proto``, LiDAR joints.
    """

    def __init__(self, points: Tensor, visibility: Tensor | None = None,
                 left_right_pairs: Sequence[Sequence[int]] | None = None) -> None:
        points = torch.as_tensor(points)
        if points.ndim != 3 or points.shape[-1] != 3:
            raise ValueError(f'keypoints have the shape (people, joints, 3), '
                             f'not {tuple(points.shape)}')
        if visibility is None:
            visibility = torch.full(points.shape[:2], VISIBLE, device=points.device)
        visibility = torch.as_tensor(visibility, device=points.device)
        if visibility.shape != points.shape[:2]:
            raise ValueError(f'visibility has the shape (people, joints) = '
                             f'{tuple(points.shape[:2])}, not {tuple(visibility.shape)}')
        if left_right_pairs is None:
            left_right_pairs = LEFT_RIGHT_PAIRS if points.shape[1] == len(JOINTS) else ()
        if any(not 0 <= joint < points.shape[1] for pair in left_right_pairs for joint in pair):
            raise ValueError(f'left_right_pairs name joints beyond the {points.shape[1]} there are')
        self.points, self.visibility = points, visibility
        self.left_right_pairs = tuple(tuple(pair) for pair in left_right_pairs)

    @classmethod
    def empty(cls, joints: int = len(JOINTS)) -> Keypoints3D:
        """Keypoints of no person."""
        return cls(torch.zeros(0, joints, 3), torch.zeros(0, joints, dtype=torch.int64))

    @staticmethod
    def cat(parts: Sequence[Keypoints3D]) -> Keypoints3D:
        """All people of all parts, in order.

        Raises:
            ValueError: without any part.
        """
        if not parts:
            raise ValueError('cat needs at least one Keypoints3D; use Keypoints3D.empty()')
        return parts[0]._with(torch.cat([part.points for part in parts]),
                              torch.cat([part.visibility for part in parts]))

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, people) -> Keypoints3D:
        """Some of the people: a number, slice, list, mask or tensor of numbers."""
        if isinstance(people, int):
            people = [people]
        people = people if isinstance(people, slice) else torch.as_tensor(
            people, device=self.points.device)
        if isinstance(people, Tensor) and people.numel() == 0 and people.dtype != torch.bool:
            people = people.to(torch.int64)  # an empty list becomes a float tensor
        return self._with(self.points[people], self.visibility[people])

    def __repr__(self) -> str:
        return f'{type(self).__name__}({len(self)} people, {self.points.shape[1]} joints)'

    @property
    def device(self) -> torch.device:
        """Where the joints lie."""
        return self.points.device

    @property
    def valid(self) -> Tensor:
        """(M, K) bool: labeled, visible or occluded."""
        return self.visibility > MISSING

    def to(self, *args, **kwargs) -> Keypoints3D:
        """Move like ``Tensor.to``; a dtype concerns the locations only."""
        points = self.points.to(*args, **kwargs)
        return self._with(points, self.visibility.to(points.device))

    def cpu(self) -> Keypoints3D:
        """On the CPU."""
        return self.to('cpu')

    def clone(self) -> Keypoints3D:
        """A copy that shares no memory."""
        return self._with(self.points.clone(), self.visibility.clone())

    def detach(self) -> Keypoints3D:
        """Without gradient."""
        return self._with(self.points.detach(), self.visibility.detach())

    def flip(self, direction: str = 'horizontal') -> Keypoints3D:
        """Mirror the scene; a left arm then is a right arm, so left and right change places.

        Args:
            direction: ``'horizontal'`` mirrors y, ``'vertical'`` mirrors x, as mmdet3d names
                the bird's-eye view's flips.

        Raises:
            ValueError: for another direction, or if it is not known which joints are pairs.
        """
        if direction not in _FLIPPED_AXIS:
            raise ValueError(f'direction is horizontal or vertical, not {direction!r}')
        if not self.left_right_pairs:
            raise ValueError(f'a mirror needs left_right_pairs for {self.points.shape[1]} joints')
        order = list(range(self.points.shape[1]))
        for left, right in self.left_right_pairs:
            order[left], order[right] = right, left
        points = self.points[:, order]  # indexing copies
        points[..., _FLIPPED_AXIS[direction]] *= -1
        return self._with(points, self.visibility[:, order])

    def rotate(self, angle: float | Tensor, center: Tensor | None = None) -> Keypoints3D:
        """Turn about the z axis.

        Args:
            angle: radians, counter-clockwise from x to y; one, or (M,) one per person.
            center: (3,) or (M, 3) points to turn about, the origin by default.
        """
        angle = torch.as_tensor(angle, dtype=self.points.dtype, device=self.device)
        cos, sin = angle.cos().reshape(-1, 1), angle.sin().reshape(-1, 1)  # [M or 1, 1]
        pivot = self._per_person(center)
        x, y, z = (self.points - pivot).unbind(-1)
        return self._with(torch.stack([x * cos - y * sin, x * sin + y * cos, z], -1) + pivot)

    def scale(self, factor: float | Tensor, center: Tensor | None = None) -> Keypoints3D:
        """Stretch.

        Args:
            factor: one, or (M,) one per person.
            center: (3,) or (M, 3) points that stay where they are, the origin by default.
        """
        factor = torch.as_tensor(factor, dtype=self.points.dtype, device=self.device)
        pivot = self._per_person(center)
        return self._with((self.points - pivot) * factor.reshape(-1, 1, 1) + pivot)

    def translate(self, offset: Sequence[float] | Tensor) -> Keypoints3D:
        """Move by (3,) meters, or (M, 3) for each person."""
        return self._with(self.points + self._per_person(offset))

    def _per_person(self, vector: Sequence[float] | Tensor | None) -> Tensor:
        if vector is None:
            vector = (0, 0, 0)
        return torch.as_tensor(
            vector, dtype=self.points.dtype, device=self.device).reshape(-1, 1, 3)

    def _with(self, points: Tensor, visibility: Tensor | None = None) -> Keypoints3D:
        return type(self)(points, self.visibility if visibility is None else visibility,
                          self.left_right_pairs)
