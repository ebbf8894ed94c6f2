"""What lines and colors mean, in the same words in every picture."""
from __future__ import annotations

import numpy as np
from matplotlib.lines import Line2D

from sparse3d.visualization.box_lines import velocity_marks
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
    if frame.detections is not None and frame.detections.joints is not None:
        lines += [Line2D([], [], color=color, linewidth=1.6, label=f'joints, {side}')
                  for side, color in (('left', LEFT), ('right', RIGHT), ('middle', MIDDLE))]
    return lines


def _counts(pairs: list[tuple[str, Boxes]], label: int) -> str:
    return ', '.join(f'{int((boxes.labels == label).sum())} {word}' for word, boxes in pairs)


def label_text(frame: Frame, boxes: Boxes, row: int) -> str:
    """Class and score of a detection; class of a labeled object, said to be one if both stand."""
    name = as_text(frame.class_name(int(boxes.labels[row])))
    if boxes.track_ids is not None:
        name = f'{name} #{as_text(str(boxes.track_ids[row]))[:8]}'
    if boxes.scores is None:
        return name if frame.detections is None else f'{name}, labeled'
    return f'{name} {boxes.scores[row]:.2f}'


def labeled_rows(frame: Frame) -> list[tuple[Boxes, np.ndarray]]:
    """Which boxes have their names written: detections, the best first, and what none is near."""
    chosen, found = [], frame.detections
    if found is not None and len(found):
        chosen.append((found, np.argsort(-found.scores, kind='stable')))
    truth = frame.ground_truth
    if truth is not None and len(truth):
        free = np.ones(len(truth), bool)
        if found is not None and len(found):
            apart = np.linalg.norm(truth.boxes[:, None, :2] - found.boxes[None, :, :2], axis=-1)
            same = truth.labels[:, None] == found.labels[None]
            near = np.maximum(truth.boxes[:, 3:5].max(axis=1) / 2, 0.5)[:, None]
            free = ~((apart < near) & same).any(axis=1)
        chosen.append((truth, np.flatnonzero(free)))
    return chosen
