"""Colours of a frame's points, by a column or by the class of the box that holds them."""
from __future__ import annotations

import numpy as np

from sparse3d.structures.box_geometry import points_in_box
from sparse3d.visualization.colours import class_colour, point_colours
from sparse3d.visualization.frame import Frame

COLOURINGS = ('height', 'intensity', 'time', 'class')
IN_NO_BOX = (0.42, 0.45, 0.50)


def coloured_points(frame: Frame, by: str = 'height') -> np.ndarray:
    """RGB (N, 3) in 0..1 of the points of a frame.

    Args:
        frame: with points and boxes.
        by: ``'class'`` of the detection, or else the label, that holds a point; anything else
            as :func:`sparse3d.visualization.colours.point_colours`.

    Raises:
        ValueError: if the points lack the column.
    """
    if by != 'class':
        return point_colours(frame.points, by)
    colours = np.tile(IN_NO_BOX, (len(frame.points), 1))
    for boxes in (frame.ground_truth, frame.detections):
        if boxes is not None:
            for box, label in zip(boxes.boxes, boxes.labels, strict=True):
                colours[points_in_box(frame.points, box[:7])] = class_colour(label)
    return colours
