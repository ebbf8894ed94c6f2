"""The scene from above with every mistake in its own color."""
from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sparse3d.structures.box_geometry import bev_corners
from sparse3d.visualization.bev_view import points_extent
from sparse3d.visualization.box_lines import heading_marks
from sparse3d.visualization.colors import BACKGROUND, TEXT, point_colors
from sparse3d.visualization.frame import Frame
from sparse3d.visualization.picture_files import save_figure

# Of the kinds of sparse3d.metrics.detection_errors; told apart in gray prints by the dashes.
COLORS = {
    'found': (0.30, 0.86, 0.35), 'wrong heading': (0.70, 0.50, 1.00),
    'duplicate': (0.98, 0.90, 0.30), 'wrong class': (0.35, 0.75, 1.00),
    'misplaced': (1.00, 0.55, 0.10), 'false': (0.95, 0.25, 0.20), 'missed': (1.0, 1.0, 1.0),
}


def draw_errors(frame: Frame, detections: Sequence[str], gt: Sequence[str],
                path: str | os.PathLike) -> None:
    """Draw a frame from above: detections by the kind of mistake, missed objects dashed.

    Args:
        frame: with ground truth and detections.
        detections: kind of each detection, a key of ``COLORS``.
        gt: state of each labeled object; ``'missed'`` ones are drawn.
        path: the file to write; PNG, PDF or SVG.

    Raises:
        DataError: if the file cannot be written.
    """
    x_min, y_min, x_max, y_max = points_extent(frame.points)
    width = float(np.clip(9 * (y_max - y_min) / (x_max - x_min), 6, 13))
    figure = Figure(figsize=(width, 9), facecolor=BACKGROUND, layout='constrained')
    axes = figure.add_subplot(facecolor=BACKGROUND)
    axes.scatter(frame.points[:, 1], frame.points[:, 0], s=0.8, linewidths=0, rasterized=True,
                 c=point_colors(frame.points) * 0.6, zorder=1)
    missed = np.asarray(gt, dtype=object) == 'missed'
    if frame.ground_truth is not None and missed.any():
        _outlines(axes, frame.ground_truth.boxes[missed], ['missed'] * int(missed.sum()), 'dashed')
    if frame.detections is not None and len(frame.detections):
        _outlines(axes, frame.detections.boxes, detections, 'solid')
    axes.set(xlim=(y_max, y_min), ylim=(x_min, x_max), aspect='equal', title=frame.summary(),
             xlabel='y, left [m]', ylabel='x, forward [m]')
    for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
        text.set_color(TEXT)
    axes.tick_params(colors=TEXT, labelsize=8)
    axes.legend(handles=_legend(detections, missed.any()), loc='upper right', fontsize=8,
                facecolor=BACKGROUND, labelcolor=TEXT)
    save_figure(figure, path, 110)


def _outlines(axes, boxes: np.ndarray, kinds: Sequence[str], style: str) -> None:
    corners = bev_corners(boxes[:, :7])[..., ::-1]
    outlines = np.concatenate([corners, corners[:, :1]], axis=1)
    colors = [COLORS[kind] for kind in kinds]
    for lines in (outlines, heading_marks(boxes)[..., 1::-1]):
        axes.add_collection(LineCollection(lines, colors=colors, linewidths=1.6,
                                           linestyles=style, zorder=3))


def _legend(detections: Sequence[str], any_missed: bool) -> list[Line2D]:
    kinds = [kind for kind in COLORS if kind in set(detections)]
    lines = [Line2D([], [], color=COLORS[kind], label=kind) for kind in kinds]
    if any_missed:
        lines.append(Line2D([], [], color=COLORS['missed'], linestyle='dashed', label='missed'))
    return lines
