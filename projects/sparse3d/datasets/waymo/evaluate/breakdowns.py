"""How Waymo's benchmark divides objects: by type, and by type and range."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparse3d.datasets.waymo.evaluate.objects import TYPES, WaymoObjects

# Meters from the origin of the vehicle frame, in three dimensions.
RANGE_EDGES = (30.0, 50.0)
RANGES = ('0-30m', '30-50m', '50m-inf')


@dataclass(frozen=True)
class Breakdown:
    """A division of objects into shards that are evaluated apart.

    Ground truth and detections are assigned by their own boxes: a detection at 29.9 m
    never meets a ground truth at 30.1 m.

    Attributes:
        names: of the shards, e.g. ``Vehicle`` or ``Vehicle_0-30m``.
        by_range: whether the shards are divided by range.
        classes: names of the types.
    """

    names: tuple[str, ...]
    by_range: bool
    classes: tuple[str, ...]

    def shards(self, objects: WaymoObjects) -> np.ndarray:  # [N] index into names, -1 none
        """Shard of each object."""
        place = np.full(max(TYPES.values()) + 1, -1)
        for index, name in enumerate(self.classes):
            place[TYPES[name]] = index
        shards = place[objects.type]
        if not self.by_range:
            return shards
        distance = np.sqrt((objects.box[:, :3] ** 2).sum(1))
        ring = np.searchsorted(RANGE_EDGES, distance, side='right')
        return np.where(shards < 0, -1, shards * len(RANGES) + ring)


def breakdowns(classes: Sequence[str]) -> tuple[Breakdown, Breakdown]:
    """By type, and by type and range, of these classes."""
    classes = tuple(classes)
    rings = tuple(f'{name}_{ring}' for name in classes for ring in RANGES)
    return Breakdown(classes, False, classes), Breakdown(rings, True, classes)
