"""Pictures of detections: ``.png`` in 3D, ``.svg`` and ``.pdf`` from above, ``.html`` to turn, a
window. What draws is loaded when it is to draw: this registers names only."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sparse3d.structures.detection_formats import register_file, register_format
from sparse3d.structures.detections import Detections
from sparse3d.visualization.frame import Boxes, Frame


def frame_of(detections: Detections) -> Frame:
    """Something to draw; without points the boxes stand in an empty scene."""
    points = np.zeros((0, 4), np.float32) if detections.points is None else detections.points
    return Frame(detections.name, points, detections.class_names,
                 detections=Boxes(detections.boxes_3d, detections.labels, detections.scores,
                                  track_ids=detections.track_ids))


def save_scene(detections: Detections, path: Path, camera: Mapping | None = None) -> None:
    """Draw points and boxes in 3D."""
    from sparse3d.visualization.scene_3d import SceneRenderer
    SceneRenderer().draw(frame_of(detections), path)


def save_view_from_above(detections: Detections, path: Path, camera: Mapping | None = None) -> None:
    """Draw points and boxes in the bird's-eye view."""
    from sparse3d.visualization.bev_view import draw_bev
    draw_bev(frame_of(detections), path)


def save_page(detections: Detections, path: Path, camera: Mapping | None = None) -> None:
    """Write points and boxes as a page to turn in a browser."""
    from sparse3d.visualization.scene_page import write_scene_page
    write_scene_page([frame_of(detections)], path)


def show(detections: Detections) -> None:
    """Open a window with points and boxes."""
    from sparse3d.visualization.scene_3d import show_scene
    show_scene(frame_of(detections))


register_format('frame', frame_of)
register_format('window', show)
register_file('.png', save_scene)
register_file('.svg', save_view_from_above)
register_file('.pdf', save_view_from_above)
register_file('.html', save_page)
