"""What lines and colors mean, in the same words in every picture."""
from __future__ import annotations

from collections import Counter

import numpy as np
from matplotlib.lines import Line2D

from sparse3d.visualization.box_lines import velocity_marks
from sparse3d.visualization.canvas import CROSS, RING
from sparse3d.visualization.frame import Boxes, Frame
from sparse3d.visualization.picture_files import as_text
from sparse3d.visualization.skeleton_lines import LEFT, MIDDLE, RIGHT
from sparse3d.visualization.style import DEFAULT, Style

DASHES = (0, (4, 2))        # of ground truth


def legend_lines(frame: Frame, style: Style = DEFAULT) -> list[Line2D]:
    """Entries of a legend: classes with how many there are, then kinds of lines."""
    text = style.theme.text
    pairs = [(word, boxes) for word, boxes in
             (('labeled', frame.ground_truth), ('detected', frame.detections)) if boxes is not None]
    labels = sorted({int(label) for _, boxes in pairs for label in boxes.labels})
    tracked = frame.detections is not None and frame.detections.track_ids is not None
    lines = [Line2D([], [], color=text if tracked else style.color(frame, label), linewidth=3,
                    label=as_text(
        f'{frame.class_name(label)} ({_counts(pairs, label)})')) for label in labels]
    if frame.ground_truth is not None:
        lines.append(Line2D([], [], color=text, linestyle=DASHES, linewidth=1.8,
                            label='ground truth'))
    if frame.detections is not None:
        lines.append(Line2D([], [], color=text, linewidth=1.6, label='detected, with score'))
    if frame.detections is not None and frame.detections.track_ids is not None:
        lines.append(Line2D([], [], color=text, linewidth=2.2, alpha=0.75,
                            label='track: a color for each identity, tail of the last 2 s'))
    if any(len(velocity_marks(boxes.boxes)) for _, boxes in pairs):
        lines.append(Line2D([], [], color=text, linestyle='dotted', linewidth=1.4,
                            label='velocity: way in 1 s'))
    lines += _mistake_lines(frame, text)
    if frame.detections is not None and frame.detections.joints is not None:
        lines += [Line2D([], [], color=color, linewidth=1.6, label=f'joints, {side}')
                  for side, color in (('left', LEFT), ('right', RIGHT), ('middle', MIDDLE))]
    return lines


def _counts(pairs: list[tuple[str, Boxes]], label: int) -> str:
    return ', '.join(f'{int((boxes.labels == label).sum())} {word}' for word, boxes in pairs)


def _mistake_lines(frame: Frame, text: tuple) -> list[Line2D]:
    """What the marks of mistakes mean and how many there are, where that is known."""
    lines = []
    for boxes, marker, words in ((frame.ground_truth, RING, ''),
                                 (frame.detections, CROSS, 'not right: ')):
        if boxes is None or boxes.kinds is None:
            continue
        rows = marked_rows(boxes)
        counts = Counter(str(kind) for kind in boxes.kinds[rows])
        told = ', '.join(f'{count} {kind}' for kind, count in counts.most_common())
        lines.append(Line2D([], [], color=text, marker=marker, linestyle='none', markersize=6,
                            markerfacecolor='none', markeredgewidth=1.8,
                            label=words + (told or ('0' if words else '0 missed'))))
    return lines


def label_text(frame: Frame, boxes: Boxes, row: int) -> str:
    """Class and score of a detection; class of a labeled object, said to be one if both stand.

    A mistake has its kind in front.
    """
    name = as_text(frame.class_name(int(boxes.labels[row])))
    if boxes.track_ids is not None:
        name = f'{name} #{as_text(str(boxes.track_ids[row]))[:8]}'
    kind = '' if boxes.kinds is None or not boxes.mistakes()[row] else f'{boxes.kinds[row]}: '
    if boxes.scores is not None:
        return f'{kind}{name} {boxes.scores[row]:.2f}'
    if kind == 'missed: ':
        return f'{kind}{name}'
    return name if frame.detections is None else f'{name}, labeled'


def marked_rows(boxes: Boxes) -> np.ndarray:
    """Rows of the boxes that carry a mark: missed objects, detections that are not right."""
    if boxes.kinds is None:
        return np.zeros(0, int)
    if boxes.scores is None:
        return np.flatnonzero(boxes.kinds.astype(str) == 'missed')
    return np.flatnonzero(boxes.mistakes())


def mistake_marks(frame: Frame) -> list[tuple[Boxes, np.ndarray, str]]:
    """Boxes, rows of them and the marker that these carry."""
    return [(boxes, marked_rows(boxes), marker) for boxes, marker in
            ((frame.ground_truth, RING), (frame.detections, CROSS)) if boxes is not None]


def labeled_rows(frame: Frame) -> list[tuple[Boxes, np.ndarray]]:
    """Which boxes have their names written: detections, the best first, and what they miss.

    Where nobody has looked for mistakes, what no detection of its class is near counts as missed.
    """
    chosen, found = [], frame.detections
    if found is not None and len(found):
        chosen.append((found, np.argsort(-found.scores, kind='stable')))
    truth = frame.ground_truth
    if truth is not None and len(truth):
        if truth.kinds is not None:
            chosen.append((truth, np.flatnonzero(np.isin(truth.kinds.astype(str),
                                                         ('missed', 'wrong class')))))
        else:
            chosen.append((truth, np.flatnonzero(_without_detection(truth, found))))
    return chosen


def _without_detection(gt: Boxes, found: Boxes | None) -> np.ndarray:
    if found is None or not len(found):
        return np.ones(len(gt), bool)
    apart = np.linalg.norm(gt.boxes[:, None, :2] - found.boxes[None, :, :2], axis=-1)
    same = gt.labels[:, None] == found.labels[None]
    near = np.maximum(gt.boxes[:, 3:5].max(axis=1) / 2, 0.5)[:, None]
    return ~((apart < near) & same).any(axis=1)
