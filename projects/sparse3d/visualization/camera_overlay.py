"""Boxes projected into a camera image."""
from __future__ import annotations

import io
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from sparse3d.visualization.bev_view import HALO, legend_lines
from sparse3d.visualization.box_lines import box_corners, box_segments
from sparse3d.visualization.colors import BACKGROUND, GROUND_TRUTH, TEXT, class_color
from sparse3d.visualization.frame import Boxes, Frame, Picture
from sparse3d.visualization.picture_files import as_text, image_figure, write_picture

NEAREST = 0.3  # meters in front of the camera; what is closer is cut off


def draw_camera_overlay(frame: Frame, picture: Picture, path: str | os.PathLike) -> None:
    """Draw the boxes of a frame over a camera image into a file.

    Args:
        frame: with the boxes.
        picture: the image; the file has its size.
        path: the file to write.

    Raises:
        DataError: if the file cannot be written.
    """
    buffer = io.BytesIO()
    draw_camera_overlay_into(frame, picture, buffer, Path(path).suffix[1:] or 'png')
    write_picture(path, buffer)


def draw_camera_overlay_into(frame: Frame, picture: Picture, stream: BinaryIO,
                             kind: str = 'png') -> None:
    """As :func:`draw_camera_overlay`, into an open file."""
    figure, axes = image_figure(picture.image)
    if frame.ground_truth is not None:
        _add_boxes(axes, picture, frame.ground_truth,
                   [GROUND_TRUTH] * len(frame.ground_truth), 1.9)
    if frame.detections is not None:
        found = frame.detections
        _add_boxes(axes, picture, found, [class_color(label) for label in found.labels], 1.3)
        _add_scores(axes, picture, found)
    axes.text(6, 6, as_text(frame.summary()), color=TEXT, fontsize=8, va='top',
              bbox={'facecolor': BACKGROUND, 'alpha': 0.75, 'edgecolor': 'none'})
    axes.legend(handles=legend_lines(frame), loc='upper right', fontsize=7,
                facecolor=BACKGROUND, framealpha=0.75, edgecolor='none', labelcolor=TEXT)
    figure.savefig(stream, format=kind, dpi=100, facecolor=figure.get_facecolor())


def project_segments(segments: np.ndarray, lidar2img: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Project line segments, cut off where they come too close to the camera.

    Args:
        segments: (S, 2, 3) in meters, LiDAR frame.
        lidar2img: (4, 4) LiDAR frame to (u * depth, v * depth, depth).

    Returns:
        (T, 2, 2) pixels u, v of the segments in front of the camera, and the row
        numbers (T,) of these segments.
    """
    homogeneous = segments @ lidar2img[:3, :3].T + lidar2img[:3, 3]  # [S, 2, 3]
    depth = homogeneous[..., 2]
    rows = np.flatnonzero((depth > NEAREST).any(axis=1))
    ends, depth = homogeneous[rows], depth[rows]
    span = depth[:, 1] - depth[:, 0]
    cut = (NEAREST - depth[:, 0]) / np.where(span == 0, 1, span)
    crossing = ends[:, 0] + cut[:, None] * (ends[:, 1] - ends[:, 0])
    ends = np.where((depth > NEAREST)[..., None], ends, crossing[:, None])
    return ends[..., :2] / ends[..., 2:], rows


def _add_boxes(axes: Axes, picture: Picture, boxes: Boxes, colors: list, width: float) -> None:
    if not len(boxes):
        return
    lines, rows = project_segments(box_segments(boxes.boxes), picture.lidar2img)
    owners = np.concatenate([np.repeat(np.arange(len(boxes)), 12), np.arange(len(boxes))])[rows]
    axes.add_collection(LineCollection(
        lines, colors=[colors[owner] for owner in owners], linewidths=width))


def _add_scores(axes: Axes, picture: Picture, detections: Boxes) -> None:
    height, width = picture.image.shape[:2]
    for box, label, score in zip(
        box_corners(detections.boxes), detections.labels, detections.scores, strict=True
    ):
        corners = box @ picture.lidar2img[:3, :3].T + picture.lidar2img[:3, 3]
        if (corners[:, 2] <= NEAREST).any():
            continue
        pixels = corners[:, :2] / corners[:, 2:]
        u, v = pixels[:, 0].mean(), pixels[:, 1].min()
        if 0 <= u < width and -20 <= v < height:
            axes.text(u, max(v - 3, 10), f'{score:.2f}', color=class_color(label), fontsize=7,
                      ha='center', va='bottom', path_effects=HALO)
