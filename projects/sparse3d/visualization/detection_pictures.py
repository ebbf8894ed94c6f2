"""Pictures of detections: ``.png`` in 3D, ``.svg`` and ``.pdf`` from above, a window."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sparse3d.structures.detection_formats import register_file, register_format
from sparse3d.structures.detections import Detections
from sparse3d.visualization.bev_view import draw_bev
from sparse3d.visualization.frame import Boxes, Frame
from sparse3d.visualization.scene_3d import SceneRenderer, show_scene


def frame_of(found: Detections) -> Frame:
    """Something to draw; without points the boxes stand in an empty scene."""
    points = np.zeros((0, 4), np.float32) if found.points is None else found.points
    return Frame(found.name, points, found.class_names,
                 detections=Boxes(found.boxes_3d, found.labels, found.scores))


def save_scene(found: Detections, path: Path, camera: Mapping | None = None) -> None:
    """Draw points and boxes in 3D."""
    SceneRenderer().draw(frame_of(found), path)


def save_view_from_above(found: Detections, path: Path, camera: Mapping | None = None) -> None:
    """Draw points and boxes in the bird's-eye view."""
    draw_bev(frame_of(found), path)


def show(found: Detections) -> None:
    """Open a window with points and boxes."""
    show_scene(frame_of(found))


register_format('frame', frame_of)
register_format('window', show)
register_file('.png', save_scene)
register_file('.svg', save_view_from_above)
register_file('.pdf', save_view_from_above)
