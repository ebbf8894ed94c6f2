"""The scene from above, with matplotlib."""
from __future__ import annotations

import os

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, Stroke

from sparse3d.structures.box_geometry import bev_corners
from sparse3d.visualization.box_lines import heading_marks, velocity_marks
from sparse3d.visualization.colored_points import colored_points
from sparse3d.visualization.colors import BACKGROUND, GROUND_TRUTH, TEXT, class_color
from sparse3d.visualization.frame import Boxes, Frame
from sparse3d.visualization.picture_files import as_text, save_figure
from sparse3d.visualization.skeleton_lines import LEFT, MIDDLE, RIGHT, skeleton_segments

HALO = Stroke(linewidth=2.5, foreground=BACKGROUND), Normal()


def draw_bev(
        frame: Frame,
        path: str | os.PathLike,
        view_range: tuple[float, float, float, float] | None = None,
        color_by: str = 'height',
) -> None:
    """Draw points, ground truth and detections from above into a file.

    x (forward) points up and y (left) to the left, as one looks ahead. A dotted line shows
    where a box goes in the next second, if its velocity is known. The kind of file (PNG, PDF,
    SVG) follows from the name.

    Args:
        frame: what to draw.
        path: the file to write.
        view_range: x_min, y_min, x_max, y_max in meters; default: where the points are.
        color_by: see :func:`sparse3d.visualization.colored_points.colored_points`.

    Raises:
        DataError: if the file cannot be written.
    """
    x_min, y_min, x_max, y_max = view_range or points_extent(frame.points)
    height = 10.0
    width = float(np.clip(height * (y_max - y_min) / (x_max - x_min), 7, 14))
    figure = Figure(figsize=(width, height), facecolor=BACKGROUND, layout='constrained')
    axes = figure.add_subplot(facecolor=BACKGROUND)
    axes.scatter(frame.points[:, 1], frame.points[:, 0], s=1.0, linewidths=0, rasterized=True,
                 c=colored_points(frame, color_by), zorder=1)
    _draw_boxes(axes, frame)
    _draw_skeletons(axes, frame)
    _draw_ego(axes)
    axes.set(xlim=(y_max, y_min), ylim=(x_min, x_max), aspect='equal',
             xlabel='y, left [m]', ylabel='x, forward [m]')
    _style(axes, frame)
    save_figure(figure, path)


def points_extent(points: np.ndarray) -> tuple[float, float, float, float]:
    """x_min, y_min, x_max, y_max of nearly all points and of the sensor, in meters."""
    xy = np.vstack([points[:, :2], [[-5, -10], [30, 10]]])
    low, high = np.percentile(xy, [0.3, 99.7], axis=0)
    low, high = np.minimum(low, [-5, -10]) - 1, np.maximum(high, [30, 10]) + 1
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _draw_boxes(axes: Axes, frame: Frame) -> None:
    if frame.ground_truth is not None and len(frame.ground_truth):
        _add_outlines(axes, frame.ground_truth, [GROUND_TRUTH] * len(frame.ground_truth), 2.2, 2)
    if frame.detections is None or not len(frame.detections):
        return
    found = frame.detections
    _add_outlines(axes, found, [class_color(label) for label in found.labels], 1.3, 3)
    right = bev_corners(found.boxes[:, :7])[..., 1].min(axis=1)
    for box, y, label, score in zip(found.boxes, right, found.labels, found.scores, strict=True):
        axes.annotate(f'{score:.2f}', (y, box[0]), xytext=(4, 0), textcoords='offset points',
                      va='center', fontsize=8, color=class_color(label), zorder=4, clip_on=True,
                      path_effects=HALO)


def _add_outlines(axes: Axes, boxes: Boxes, colors: list, width: float, order: int) -> None:
    corners = bev_corners(boxes.boxes[:, :7])[..., ::-1]              # to (y, x)
    outlines = np.concatenate([corners, corners[:, :1]], axis=1)      # closed
    marks = heading_marks(boxes.boxes)[..., 1::-1]
    axes.add_collection(LineCollection(outlines, colors=colors, linewidths=width, zorder=order))
    axes.add_collection(LineCollection(marks, colors=colors, linewidths=width, zorder=order))
    axes.add_collection(LineCollection(velocity_marks(boxes.boxes)[..., 1::-1], colors=[TEXT],
                                       linestyles='dotted', linewidths=1.2, zorder=order))


def _draw_skeletons(axes: Axes, frame: Frame) -> None:
    for boxes, is_gt, width in ((frame.ground_truth, True, 1.6), (frame.detections, False, 1.0)):
        if boxes is not None and boxes.joints is not None:
            segments, colors = skeleton_segments(boxes.joints, boxes.visibility, is_gt)
            axes.add_collection(LineCollection(segments[..., 1::-1], colors=colors,
                                               linewidths=width, zorder=4))


def _draw_ego(axes: Axes) -> None:
    axes.plot([0], [0], marker='^', markersize=9, color=TEXT, zorder=5)


def _style(axes: Axes, frame: Frame) -> None:
    axes.set_title(as_text(frame.summary()), color=TEXT, fontsize=11)
    axes.tick_params(colors=TEXT, labelsize=8)
    axes.xaxis.label.set_color(TEXT)
    axes.yaxis.label.set_color(TEXT)
    axes.grid(color=TEXT, alpha=0.10, linewidth=0.6)
    for spine in axes.spines.values():
        spine.set_color((*TEXT, 0.3))
    legend = axes.legend(handles=legend_lines(frame), loc='upper right', fontsize=8,
                         facecolor=BACKGROUND, edgecolor=(*TEXT, 0.3), labelcolor=TEXT)
    legend.set_zorder(6)


def legend_lines(frame: Frame) -> list[Line2D]:
    """Entries of a legend: ground truth, then the classes that were detected."""
    lines = []
    if frame.ground_truth is not None:
        lines.append(Line2D([], [], color=GROUND_TRUTH, linewidth=2.2, label='ground truth'))
    if frame.detections is not None:
        lines += [Line2D([], [], color=class_color(label), linewidth=1.6,
                         label=as_text(f'{frame.class_name(label)}, detected (score)'))
                  for label in sorted(set(frame.detections.labels.tolist()))]
        if frame.detections.joints is not None:
            lines += [Line2D([], [], color=color, linewidth=1.6, label=f'joints, {side}')
                      for side, color in (('left', LEFT), ('right', RIGHT), ('middle', MIDDLE))]
    return lines
