"""Places beside the road where nobody labeled anything."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparse3d.simulate.poses import apply
from sparse3d.simulate.terrain import Road


@dataclass(frozen=True)
class Zone:
    """A convex polygon in the world's plane."""
    corners: np.ndarray  # [V, 2] counter-clockwise, world frame [m]

    def holds(self, positions: np.ndarray) -> np.ndarray:
        """Whether places [N, 2] lie inside, [N] bool."""
        edges = np.roll(self.corners, -1, axis=0) - self.corners
        inside = np.ones(len(positions), dtype=bool)
        for corner, edge in zip(self.corners, edges, strict=True):
            offset = positions - corner
            inside &= edge[0] * offset[:, 1] - edge[1] * offset[:, 0] > 0
        return inside

    def moved(self, transform: np.ndarray) -> np.ndarray:
        """The corners [V, 2] in the frame that the transform (4, 4) leads to."""
        flat = np.column_stack([self.corners, np.zeros(len(self.corners))])
        return apply(transform, flat)[:, :2]


def random_zone(road: Road, rng: np.random.Generator) -> Zone:
    """A plot of 12 by 10 m behind the pavement, on either side of the road."""
    x, side = rng.uniform(10, 40), rng.choice([-1, 1])
    strip = road.parking_left if side > 0 else road.parking_right
    near = road.half_width + strip + road.pavement
    low, high = sorted((side * near, side * (near + 10)))
    corners = [road.point(x, low), road.point(x + 12, low), road.point(x + 12, high),
               road.point(x, high)]
    return Zone(np.array(corners))
