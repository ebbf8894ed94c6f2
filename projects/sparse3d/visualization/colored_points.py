"""Colors of a frame's points, by a column or by the class of the box that holds them."""
from __future__ import annotations

import numpy as np

from sparse3d.structures.box_geometry import points_in_box
from sparse3d.visualization.colors import DARK, Theme, class_color, class_colors, point_colors
from sparse3d.visualization.frame import Frame

COLORINGS = ('height', 'intensity', 'time', 'class', 'importance')
HEAT = 'inferno'
IN_NO_BOX = (0.42, 0.45, 0.50)


def colored_points(frame: Frame, by: str = 'height', theme: Theme = DARK) -> np.ndarray:
    """RGB (N, 3) in 0..1 of the points of a frame.

    Args:
        frame: with points and boxes.
        by: ``'class'`` of the detection, or else the label, that holds a point;
            ``'importance'``, where the frame knows it; anything else as
            :func:`sparse3d.visualization.colors.point_colors`.
        theme: of the colors.

    Raises:
        ValueError: if the points lack the column, or their importance is not known.
    """
    if by == 'importance':
        return heat_colors(frame)
    if by != 'class':
        return point_colors(frame.points, by, theme)
    colors = np.tile(IN_NO_BOX, (len(frame.points), 1))
    known = class_colors(frame.class_names, theme)
    for boxes in (frame.ground_truth, frame.detections):
        if boxes is not None:
            for box, label in zip(boxes.boxes, boxes.labels, strict=True):
                color = known[label] if 0 <= label < len(known) else class_color(label, theme)
                colors[points_in_box(frame.points, box[:7])] = color
    return colors


def heat_colors(frame: Frame) -> np.ndarray:
    """RGB (N, 3) in 0..1 of points by their importance, bright where it is the largest.

    Raises:
        ValueError: if it is not known.
    """
    from matplotlib import colormaps
    if frame.importance is None:
        raise ValueError('the importance of the points is not known; it is that of a detector '
                         'with --pictures importance')
    most = max(float(np.max(frame.importance, initial=0)), 1e-9)
    return colormaps[HEAT](0.15 + 0.85 * np.clip(frame.importance / most, 0, 1))[:, :3]
