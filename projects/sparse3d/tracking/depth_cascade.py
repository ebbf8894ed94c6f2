"""Depth cascaded matching: a crowd taken apart by depth and matched from near to far.

Source: Liu et al. 2023, "SparseTrack" (arXiv 2306.05238). Published for boxes in the picture of a
camera, whose depth is guessed from how low they stand (:func:`pseudo_depths`); in space the true
distance is there.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparse3d.errors import ConfigError, DataError
from sparse3d.tracking.assignment import Pairs, assign_by_level
from sparse3d.tracking.two_stage import TwoStageOptions, TwoStageTracker

_PUBLISHED_HEIGHT = 2000.0  # of a picture, whatever it is [pixels]


@dataclass(frozen=True)
class DepthCascadeOptions(TwoStageOptions):
    """Options of :class:`DepthCascadeTracker`, beside those of the two stages.

    Attributes:
        levels: of depth in the first stage.
        low_levels: of depth in the second stage.
    """

    levels: int = 3
    low_levels: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.levels < 1 or self.low_levels < 1:
            raise ConfigError(f'levels is {self.levels!r} and low_levels {self.low_levels!r}; '
                              f'they have to be at least 1')


class DepthCascadeTracker(TwoStageTracker):
    """The two-stage tracker with depth cascaded matching in both stages.

    Depth is the distance from the sensor in BEV. Tracks and detections share the limits of the
    levels; what finds no partner in its level goes on into the next one.
    """

    options: DepthCascadeOptions

    def __init__(self, options: DepthCascadeOptions | None = None) -> None:
        super().__init__(options or DepthCascadeOptions())

    def associate(self, cost: np.ndarray, max_cost: float, track_depths: np.ndarray,
                  detection_depths: np.ndarray, first: bool) -> Pairs:
        """Level by level."""
        count = self.options.levels if first else self.options.low_levels
        both = np.concatenate([track_depths, detection_depths])
        levels = depth_levels(both, count)
        tracks, found = levels[:len(track_depths)], levels[len(track_depths):]
        return assign_by_level(cost, max_cost, tracks, found)


def depth_levels(depths: np.ndarray, count: int) -> np.ndarray:
    """Levels (N,) of equal width, 0 for the nearest, of depths (N,) [m]."""
    if not len(depths) or np.ptp(depths) == 0:
        return np.zeros(len(depths), np.int64)
    share = (depths - depths.min()) / np.ptp(depths)
    return np.minimum((share * count).astype(np.int64), count - 1)


def published_levels(depths: np.ndarray, count: int) -> np.ndarray:
    """Levels as SparseTrack cuts pseudo-depths [pixels].

    Its steps are (largest - smallest + 1) / count wide, so a range of few pixels has fewer levels.
    """
    if not len(depths):
        return np.zeros(0, np.int64)
    step = (np.ptp(depths) + 1) / count
    return ((depths - depths.min()) / step).astype(np.int64)


def pseudo_depths(boxes_2d: np.ndarray, height: float = _PUBLISHED_HEIGHT) -> np.ndarray:
    """Depths (N,) of boxes in a picture by how low they stand [pixels].

    Args:
        boxes_2d: (N, 4) x1, y1, x2, y2 [pixels].
        height: what their lower edges are subtracted from; the published code takes 2000.

    Raises:
        DataError: for boxes of another shape.
    """
    boxes_2d = np.asarray(boxes_2d, np.float64)
    if boxes_2d.ndim != 2 or boxes_2d.shape[1] != 4:
        raise DataError(f'boxes of a picture have the shape {boxes_2d.shape}; (N, 4) is needed: '
                        f'x1, y1, x2, y2')
    return height - boxes_2d[:, 3]
