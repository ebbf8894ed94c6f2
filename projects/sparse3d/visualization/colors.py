"""Colors: one for ground truth, one for each class, a ramp for points."""
from __future__ import annotations

import numpy as np

BACKGROUND = (0.055, 0.065, 0.09)
GROUND_TRUTH = (0.30, 0.86, 0.35)
TEXT = (0.93, 0.94, 0.96)

# Told apart with the common color weaknesses too, and none of them green.
CLASSES = (
    (1.00, 0.55, 0.10),  # orange
    (0.35, 0.75, 1.00),  # sky blue
    (0.98, 0.35, 0.65),  # pink
    (0.98, 0.90, 0.30),  # yellow
    (0.70, 0.50, 1.00),  # violet
    (0.95, 0.30, 0.20),  # vermilion
    (0.45, 0.95, 0.95),  # cyan
    (0.80, 0.62, 0.45),  # tan
)


def class_color(label: int) -> tuple[float, float, float]:
    """RGB in 0..1 of a class number; they repeat after eight."""
    return CLASSES[label % len(CLASSES)]


def point_colors(points: np.ndarray, by: str = 'height') -> np.ndarray:
    """RGB of points by a quantity.

    Args:
        points: (N, >=3) in meters, z up; the fourth column is the intensity.
        by: ``'height'``, ``'intensity'`` or ``'time'`` (the last column: the age in seconds).

    Returns:
        (N, 3) in 0..1. The ramp spans the 2nd to the 98th percentile.

    Raises:
        ValueError: if there is no such quantity.
    """
    from matplotlib import colormaps
    if by == 'height':
        values = points[:, 2]
    elif by == 'intensity' and points.shape[1] > 3:
        values = points[:, 3]
    elif by == 'time' and points.shape[1] > 4:
        values = points[:, -1]
    else:
        raise ValueError(f'points with {points.shape[1]} columns cannot be colored by {by!r}; '
                         f'choose height, intensity (a fourth column) or time (a fifth)')
    if len(values) == 0:
        return np.zeros((0, 3))
    low, high = np.percentile(values, [2, 98])
    ramp = np.clip((values - low) / max(high - low, 1e-6), 0, 1)
    return colormaps['viridis'](0.22 + 0.72 * ramp)[:, :3]
