"""Do vehicles collide? Overlap of oriented rectangles over time."""
from __future__ import annotations

import numpy as np


def corners(footprints: np.ndarray) -> np.ndarray:
    """Corners [..., 4, 2] of rectangles [..., 5] (x, y, dx, dy, yaw)."""
    signs = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]]) / 2
    local = signs * footprints[..., None, 2:4]
    cos, sin = np.cos(footprints[..., None, 4]), np.sin(footprints[..., None, 4])
    turned = np.stack([local[..., 0] * cos - local[..., 1] * sin,
                       local[..., 0] * sin + local[..., 1] * cos], axis=-1)
    return turned + footprints[..., None, :2]


def overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Whether rectangles [..., 5] overlap, by the separating axis theorem; broadcasts."""
    a, b = corners(first), corners(second)
    touching = np.ones(np.broadcast_shapes(first.shape[:-1], second.shape[:-1]), dtype=bool)
    for footprints in (first, second):
        for turn in (0.0, np.pi / 2):
            axis = np.stack([np.cos(footprints[..., 4] + turn),
                             np.sin(footprints[..., 4] + turn)], axis=-1)[..., None, :]
            along_a, along_b = (a * axis).sum(-1), (b * axis).sum(-1)
            touching &= (along_a.max(-1) > along_b.min(-1)) & (along_b.max(-1) > along_a.min(-1))
    return touching


class Occupancy:
    """Footprints over time of everything placed so far."""

    def __init__(self, times: np.ndarray, margin: float = 0.3) -> None:
        self.times = times
        self._margin = margin
        self._taken: list[np.ndarray] = []

    def try_to_add(self, footprints: np.ndarray) -> bool:
        """Add a thing with footprints [T, 5] unless it comes too near another at any time."""
        grown = footprints + np.array([0, 0, self._margin, self._margin, 0])
        if self._taken and _meet(grown, np.stack(self._taken)):
            return False
        self._taken.append(footprints)
        return True


def _meet(thing: np.ndarray, others: np.ndarray) -> bool:
    """Whether a thing [T, 5] overlaps one of others [K, T, 5] at some time."""
    reach = (np.hypot(*thing[:, 2:4].T) + np.hypot(others[..., 2], others[..., 3])) / 2
    apart = others[..., :2] - thing[:, :2]
    near = (apart ** 2).sum(axis=-1) < reach ** 2  # circles around both meet: worth a closer look
    rows, times = np.nonzero(near)
    return bool(overlap(thing[times], others[rows, times]).any())
