"""What sweeps look like in numbers: points of an object by distance, where points lie.

For laying simulated sweeps beside real ones: what differs there, a detector that learned from the
ones has to bridge in the others.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparse3d.structures.box_geometry import points_in_box
from sparse3d.structures.labeled_frame import CAR, LabeledFrame
from sparse3d.structures.point_statistics import ground_height

DISTANCES = np.arange(0, 61, 10.)       # edges [m]
HEIGHTS = np.array([-np.inf, -.3, .3, 1., 2., 4., np.inf])  # edges above the ground [m]
LEAST_POINTS = 5


@dataclass(frozen=True)
class SweepStatistics:
    """Of the frames of one data set.

    Attributes:
        source: its name.
        frames: how many.
        object_distance: (K,) of each object with enough points [m].
        object_points: (K,) its points.
        points: (D,) mean points of a frame by distance.
        ground: (D,) of them those within 0.3 m of the ground's height near the sensor.
        heights: (H,) share of the points within 40 m by height above the ground.
    """

    source: str
    frames: int
    object_distance: np.ndarray
    object_points: np.ndarray
    points: np.ndarray
    ground: np.ndarray
    heights: np.ndarray

    def quantiles(self, shares: Sequence[float] = (.1, .5, .9)) -> np.ndarray:
        """Points of an object (D, S) by distance; NaN where there is none."""
        place = np.digitize(self.object_distance, DISTANCES) - 1
        return np.array([np.quantile(self.object_points[place == number], shares)
                         if (place == number).any() else [np.nan] * len(shares)
                         for number in range(len(DISTANCES) - 1)])

    def lines(self) -> list[str]:
        """Rows of a Markdown table: one for each distance that has objects."""
        rows = []
        for number, values in enumerate(self.quantiles()):
            count = int(((self.object_distance >= DISTANCES[number])
                         & (self.object_distance < DISTANCES[number + 1])).sum())
            if count:
                low, middle, high = values.round().astype(int)
                rows.append(f'| {self.source} | {DISTANCES[number]:.0f} to '
                            f'{DISTANCES[number + 1]:.0f} m | {count} | {low} | {middle} | {high} '
                            f'| {self.points[number]:,.0f} | {self.ground[number]:,.0f} |')
        return rows


TABLE_HEAD = ('| source | distance | objects | points, 10 % | median | 90 % | points of a frame '
              '| on the ground |', '|---|---|--:|--:|--:|--:|--:|--:|')


def sweep_statistics(frames: Sequence[LabeledFrame], kind: str = CAR) -> SweepStatistics:
    """Numbers of the frames of one data set; objects are those of one kind."""
    distances, counts, by_distance, on_ground, heights = [], [], [], [], []
    for frame in frames:
        xyz = frame.points.astype(np.float64)
        reach = np.hypot(xyz[:, 0], xyz[:, 1])
        above = xyz[:, 2] - (ground_height(xyz) or 0.)
        by_distance.append(np.histogram(reach, DISTANCES)[0])
        on_ground.append(np.histogram(reach[np.abs(above) < .3], DISTANCES)[0])
        near = above[reach < 40]
        heights.append(np.histogram(near, HEIGHTS)[0] / max(len(near), 1))
        for box in frame.boxes[frame.kinds == kind]:
            distance = float(np.hypot(*box[:2]))
            count = len(points_in_box(xyz, box)) if distance < DISTANCES[-1] else 0
            if count >= LEAST_POINTS:
                distances.append(distance)
                counts.append(count)
    return SweepStatistics(frames[0].source, len(frames), np.array(distances), np.array(counts),
                           np.mean(by_distance, axis=0), np.mean(on_ground, axis=0),
                           np.mean(heights, axis=0))
