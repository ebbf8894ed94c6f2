"""Where the 3D view is seen from."""
from __future__ import annotations

import numpy as np

from sparse3d.visualization.bev_view import points_extent
from sparse3d.visualization.frame import Frame
from sparse3d.visualization.style import Style

# Eye and what it looks at, in meters in the LiDAR frame (x forward, y left, z up).
_FIXED = {
    'behind': ((-13.0, 0.0, 10.0), (18.0, 0.0, -2.0)),
    'front': ((48.0, 0.0, 12.0), (14.0, 0.0, -2.0)),
    'follow': ((-9.0, 0.0, 3.5), (14.0, 0.0, -1.0)),
}
_SLOPE = np.deg2rad(38)     # of the look down onto everything
_HALF_VIEW = np.deg2rad(45) / 2


def viewpoint(style: Style, frame: Frame, aspect: float = 16 / 9) -> tuple[
        np.ndarray, np.ndarray, np.ndarray]:
    """Eye, what it looks at, and what is up in the picture, each (3,) in meters.

    Args:
        style: with ``view`` and ``zoom``.
        frame: whose points and boxes have to fit in, for ``top`` and ``fit``.
        aspect: width by height of the picture.
    """
    up = np.array([0.0, 0.0, 1.0])
    if style.view in _FIXED:
        eye, look_at = (np.array(place) for place in _FIXED[style.view])
    else:
        x_min, y_min, x_max, y_max = points_extent(frame.points, frame.ground_truth,
                                                   frame.detections)
        look_at = np.array([(x_min + x_max) / 2, (y_min + y_max) / 2, ground_height(frame.points)])
        long, wide = x_max - x_min, y_max - y_min
        half = max(long / 2, wide / 2 / aspect) if style.view == 'top' else max(
            long / 2 * np.sin(_SLOPE), wide / 2 / aspect)
        away = half / np.tan(_HALF_VIEW) * 1.05
        if style.view == 'top':
            eye, up = look_at + [0, 0, away], np.array([1.0, 0.0, 0.0])
        else:   # what is near is wider: step back by the near half
            away += long / 2 * np.cos(_SLOPE)
            eye = look_at + away * np.array([-np.cos(_SLOPE), 0, np.sin(_SLOPE)])
    return look_at + (eye - look_at) / style.zoom, look_at, up


def ground_height(points: np.ndarray) -> float:
    """A height near the ground under the sensor in meters; -1.7 without points."""
    near = points[np.hypot(points[:, 0], points[:, 1]) < 20]
    return float(np.percentile(near[:, 2], 5)) if len(near) else -1.7
