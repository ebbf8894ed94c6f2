"""Boxes projected into a camera image."""
from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.collections import LineCollection

from sparse3d.structures.projection import (
    image_coordinates,
    near_crossings,
    pixels_and_depth,
    project_points,
)
from sparse3d.visualization.box_lines import box_corners, box_segments, velocity_marks
from sparse3d.visualization.canvas import MARGIN, Canvas
from sparse3d.visualization.frame import Boxes, Frame, Picture
from sparse3d.visualization.legend import (
    DASHES,
    label_text,
    labeled_rows,
    legend_lines,
    mistake_marks,
)
from sparse3d.visualization.picture_files import write_picture
from sparse3d.visualization.placed_labels import Label
from sparse3d.visualization.style import DEFAULT, Style

NEAREST = 0.3  # meters in front of the camera; what is closer is cut off


def draw_camera_overlay(frame: Frame, picture: Picture, path: str | os.PathLike,
                        style: Style = DEFAULT) -> None:
    """Draw the boxes of a frame over a camera image into a file.

    Args:
        frame: with the boxes.
        picture: the image; the file has its size.
        path: the file to write.
        style: of the picture.

    Raises:
        DataError: if the file cannot be written.
    """
    canvas = camera_canvas(frame, picture, style)
    write_picture(path, canvas.encoded(Path(path).suffix[1:] or 'png'))


def camera_canvas(frame: Frame, picture: Picture, style: Style = DEFAULT,
                  with_header: bool = True) -> Canvas:
    """The picture that :func:`draw_camera_overlay` writes; without header the camera's name."""
    height, width = picture.image.shape[:2]
    canvas = Canvas((width, height), style, picture.image)
    if with_header:
        canvas.legend(legend_lines(frame, style), canvas.title(frame.summary(), 9), 7.5)
    else:
        canvas.title(picture.name, 9)
    for boxes in (frame.ground_truth, frame.detections):
        if boxes is not None and len(boxes):
            _add_boxes(canvas, picture, boxes, style.box_colors(frame, boxes))
    _add_trails(canvas, frame, picture)
    for boxes, rows, marker in mistake_marks(frame):
        seen = visible_rectangles(boxes.boxes[rows], picture)
        canvas.marks((seen[:, :2] + seen[:, 2:])[np.isfinite(seen[:, 0])] / 2, marker)
    canvas.labels(_labels(frame, picture, style), 7.5)
    return canvas


def resized(picture: Picture, width: int) -> Picture:
    """A picture of another width, its projection with it."""
    from PIL import Image
    height = max(round(picture.image.shape[0] * width / picture.image.shape[1]), 1)
    image = Image.fromarray(picture.image).resize((width, height), Image.Resampling.LANCZOS)
    scale = np.diag([width / picture.image.shape[1], height / picture.image.shape[0], 1.0, 1.0])
    return replace(picture, image=np.asarray(image), lidar2img=scale @ picture.lidar2img)


def project_segments(segments: np.ndarray, lidar2img: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Project line segments, cut off where they come too close to the camera.

    Args:
        segments: (S, 2, 3) in meters, LiDAR frame.
        lidar2img: (4, 4) LiDAR frame to (u * depth, v * depth, depth).

    Returns:
        (T, 2, 2) pixels u, v of the segments in front of the camera, and the row
        numbers (T,) of these segments.
    """
    homogeneous = image_coordinates(segments, lidar2img[:3])  # [S, 2, 3]
    depth = homogeneous[..., 2]
    rows = np.flatnonzero((depth > NEAREST).any(axis=1))
    ends, depth = homogeneous[rows], depth[rows]
    crossing, _ = near_crossings(ends[:, 0], ends[:, 1], NEAREST)
    ends = np.where((depth > NEAREST)[..., None], ends, crossing[:, None])
    return pixels_and_depth(ends)[0], rows


def visible_rectangles(boxes: np.ndarray, picture: Picture) -> np.ndarray:
    """Left, top, right, bottom in pixels of what is seen of each box, (M, 4); NaN if nothing.

    A box that is partly behind the camera, or beyond an edge, counts with what is in the picture.
    """
    height, width = picture.image.shape[:2]
    rectangles = np.full((len(boxes), 4), np.nan)
    for row, box in enumerate(boxes):
        lines, _ = project_segments(box_segments(box[None])[:12], picture.lidar2img)
        if not len(lines) or not _looks_at(box, picture):
            continue
        low = lines.reshape(-1, 2).min(axis=0)
        high = lines.reshape(-1, 2).max(axis=0)
        if (high > 0).all() and low[0] < width and low[1] < height:
            rectangles[row] = (*np.clip(low, 0, None), min(high[0], width), min(high[1], height))
    return rectangles


def _looks_at(box: np.ndarray, picture: Picture) -> bool:
    """Whether at least one corner of a box is well in front of the camera."""
    _, depth = project_points(box_corners(box[None])[0], picture.lidar2img)
    return bool((depth > NEAREST).any())


def _add_boxes(canvas: Canvas, picture: Picture, boxes: Boxes, colors: list) -> None:
    truth = boxes.scores is None
    look = {'linestyles': [DASHES], 'linewidths': 1.7} if truth else {'linewidths': 1.3}
    lines, rows = project_segments(box_segments(boxes.boxes), picture.lidar2img)
    owners = np.concatenate([np.repeat(np.arange(len(boxes)), 12), np.arange(len(boxes))])[rows]
    canvas.axes.add_collection(LineCollection(
        lines, colors=[colors[owner] for owner in owners], **look))
    moving, _ = project_segments(velocity_marks(boxes.boxes), picture.lidar2img)
    canvas.axes.add_collection(LineCollection(moving, colors=[canvas.style.theme.text],
                                              linestyles='dotted', linewidths=1.2))


def _add_trails(canvas: Canvas, frame: Frame, picture: Picture) -> None:
    segments, owners = frame.trail_segments()
    lines, rows = project_segments(segments, picture.lidar2img)
    colors = canvas.style.trail_colors(frame) if len(lines) else []
    canvas.axes.add_collection(LineCollection(
        lines, colors=[colors[owners[row]] for row in rows], linewidths=2.0, alpha=0.75))


def _labels(frame: Frame, picture: Picture, style: Style) -> list[Label]:
    labels = []
    for boxes, rows in labeled_rows(frame):
        colors, strong = style.box_colors(frame, boxes), boxes.mistakes()
        seen = visible_rectangles(boxes.boxes, picture)
        for row in rows:
            left, top, right, bottom = seen[row]
            if np.isfinite(left):
                labels.append(Label(
                    label_text(frame, boxes, row), ((left + right) / 2, (top + bottom) / 2),
                    colors[row], ((right - left) / 2 + 2, (bottom - top) / 2 + MARGIN / 4),
                    bool(strong[row])))
    return labels
