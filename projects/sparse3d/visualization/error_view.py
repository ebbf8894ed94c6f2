"""The scene from above with every mistake in its own color and by its name."""
from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from matplotlib.lines import Line2D

from sparse3d.visualization.bev_view import FRAME, add_outlines, box_reach, ground_canvas
from sparse3d.visualization.canvas import CROSS, RING
from sparse3d.visualization.colors import Color, Theme, point_colors
from sparse3d.visualization.frame import Boxes, Frame
from sparse3d.visualization.legend import DASHES
from sparse3d.visualization.picture_files import as_text
from sparse3d.visualization.placed_labels import Label
from sparse3d.visualization.style import DEFAULT, Style

# Of the kinds of sparse3d.metrics.detection_errors: rows of the palette; the names stand beside.
KINDS = {'found': 4, 'wrong heading': 5, 'duplicate': 2, 'wrong class': 1, 'misplaced': 0,
         'false': 3}
MISSED, TAKEN, MISPLACED, IGNORED = 'missed', 'wrong class', 'misplaced', 'ignored'


def error_color(kind: str, theme: Theme) -> Color:
    """Of a kind of mistake."""
    if kind == MISSED:
        return theme.text
    return theme.ground_truth if kind == IGNORED else theme.classes[KINDS[kind]]


def draw_errors(frame: Frame, detections: Sequence[str], gt: Sequence[str],
                path: str | os.PathLike, style: Style = DEFAULT) -> None:
    """Draw a frame from above: detections by the kind of mistake, missed objects dashed.

    Each mistake has its kind, its class and its score written beside it.

    Args:
        frame: with ground truth and detections.
        detections: kind of each detection.
        gt: state of each labeled object; ``'missed'``, ``'wrong class'`` (missed, since taken for
            another class), ``'misplaced'`` and ``'ignored'`` ones are drawn.
        path: the file to write; PNG, PDF or SVG.
        style: of the picture.

    Raises:
        DataError: if the file cannot be written.
    """
    theme = style.theme
    canvas, ground = ground_canvas(frame, style, handles=_legend(detections, gt, theme))
    pixels = ground.pixels(frame.points[:, :2])
    faint = 0.6 * point_colors(frame.points, theme=theme) + 0.4 * np.array(theme.background)
    canvas.axes.scatter(pixels[:, 0], pixels[:, 1], s=0.8, linewidths=0, rasterized=True, c=faint,
                        zorder=1)
    labels = []
    for boxes, kinds, dashed in ((frame.detections, detections, False),
                                 (frame.ground_truth, gt, True)):
        rows = [row for row, kind in enumerate(kinds)
                if not dashed or kind in (MISSED, TAKEN, MISPLACED, IGNORED)]
        if boxes is None or not rows:
            continue
        colors = [error_color(kinds[row], theme) for row in rows]
        add_outlines(canvas, ground, boxes.boxes[rows], colors, dashed)
        places, reach = ground.pixels(boxes.boxes[:, :2]), box_reach(boxes.boxes, ground)
        wrong = [row for row in rows if kinds[row] not in ('found', IGNORED)
                 and not (dashed and kinds[row] == MISPLACED)]      # the detection says it
        marked = [row for row in wrong if not dashed or kinds[row] == MISSED]
        canvas.marks(places[marked], RING if dashed else CROSS)
        labels += [Label(_text(frame, boxes, row, kinds[row]), tuple(places[row]),
                         error_color(kinds[row], theme), tuple(reach[row]), strong=True)
                   for row in wrong]
    canvas.labels(labels, 9, bottom=FRAME + 2)
    canvas.save(path)


def _text(frame: Frame, boxes: Boxes, row: int, kind: str) -> str:
    name = as_text(frame.class_name(int(boxes.labels[row])))
    if boxes.scores is not None:
        return f'{kind}: {name} {boxes.scores[row]:.2f}'
    return f'{name}, labeled' if kind == TAKEN else f'{kind}: {name}'


def _legend(detections: Sequence[str], gt: Sequence[str], theme: Theme) -> list[Line2D]:
    counts = [(kind, list(detections).count(kind), '-') for kind in (*KINDS, IGNORED)]
    # what is taken for another class, or found elsewhere, is counted with the detection there
    counts += [(kind, list(gt).count(kind), DASHES) for kind in (MISSED, IGNORED)]
    words = {(IGNORED, DASHES): 'labeled, not counted by the benchmark',
             (IGNORED, '-'): 'detected, not counted by the benchmark'}
    lines = [Line2D([], [], color=error_color(kind, theme), linestyle=style, linewidth=2,
                    label=f'{count} {words.get((kind, style), kind)}')
             for kind, count, style in counts if count]
    for marker, label in ((CROSS, 'detection that is not right'), (RING, 'missed object')):
        lines.append(Line2D([], [], color=theme.text, marker=marker, linestyle='none',
                            markersize=6, markerfacecolor='none', markeredgewidth=1.8,
                            label=label))
    return lines
