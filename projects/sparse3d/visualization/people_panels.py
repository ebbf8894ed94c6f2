"""Close pictures of people: points, labeled and detected joints, as the sensor looks at them."""
from __future__ import annotations

import os

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sparse3d.visualization.colors import BACKGROUND, GROUND_TRUTH, TEXT
from sparse3d.visualization.frame import Boxes, Frame
from sparse3d.visualization.picture_files import as_text, save_figure
from sparse3d.visualization.skeleton_lines import LEFT, MIDDLE, RIGHT, skeleton_segments

REACH = 1.3         # meters to each side of a person that a panel shows
TOGETHER = 1.0      # meters between a labeled and a detected person that share a panel
COLUMNS = 4


def draw_people(frame: Frame, path: str | os.PathLike, max_people: int = 8) -> None:
    """Draw a panel for each person of a frame, nearest first, into a file.

    Each panel looks from the sensor at the person: left and right as seen from there, height
    upwards, in meters around the center of the box.

    Args:
        frame: with ``joints`` in its boxes, those of ground truth, detections or both.
        path: the file to write.
        max_people: at most so many people.

    Raises:
        DataError: if the file cannot be written.
    """
    centers = people_centers(frame)[:max_people]
    rows = max(-(-len(centers) // COLUMNS), 1)
    figure = Figure(figsize=(3 * COLUMNS, 3.4 * rows + 0.6), facecolor=BACKGROUND,
                    layout='constrained')
    figure.suptitle(as_text(frame.summary()), color=TEXT, fontsize=11)
    axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for panel in axes[len(centers):]:
        panel.axis('off')
    for panel, center in zip(axes, centers, strict=False):
        _draw_person(panel, frame, center)
    figure.legend(handles=_legend(), loc='outside lower center', ncols=4, fontsize=9,
                  facecolor=BACKGROUND, edgecolor=(*TEXT, 0.3), labelcolor=TEXT)
    save_figure(figure, path, dots_per_inch=110)


def people_centers(frame: Frame) -> np.ndarray:
    """Centers (P, 3) of people with joints, labeled or detected, nearest to the sensor first.

    A detected person close to a labeled one is the same.
    """
    centers = np.zeros((0, 3))
    for boxes in (frame.ground_truth, frame.detections):
        if boxes is None or boxes.joints is None or not len(boxes):
            continue
        theirs = boxes.boxes[:, :3] + boxes.boxes[:, [5]] * [0, 0, 0.5]
        apart = np.linalg.norm(theirs[:, None, :2] - centers[None, :, :2], axis=-1)
        centers = np.concatenate([centers, theirs[(apart > TOGETHER).all(axis=1)]])
    return centers[np.argsort(np.linalg.norm(centers[:, :2], axis=1), kind='stable')]


def side_view(points: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Points (..., 3) in the plane across the view from the sensor to ``center``, (..., 2).

    The first number grows to the right as seen from the sensor, the second upwards.
    """
    distance = max(np.hypot(*center[:2]), 1e-6)
    right = np.array([center[1], -center[0]]) / distance
    offset = points[..., :3] - center
    return np.stack([offset[..., :2] @ right, offset[..., 2]], axis=-1)


def _draw_person(axes: Axes, frame: Frame, center: np.ndarray) -> None:
    near = np.abs(frame.points[:, :2] - center[:2]).max(axis=1, initial=0) < REACH
    near &= np.abs(frame.points[:, 2] - center[2]) < REACH
    seen = side_view(frame.points[near], center)
    axes.scatter(seen[:, 0], seen[:, 1], s=4, color=TEXT, alpha=0.35, linewidths=0)
    for boxes, is_gt, width in ((frame.ground_truth, True, 4.0),
                                (frame.detections, False, 2.0)):
        _add_skeletons(axes, boxes, center, is_gt, width)
    there = [word for word, boxes in (('labeled', frame.ground_truth),
                                      ('detected', frame.detections)) if _is_at(boxes, center)]
    if frame.ground_truth is not None and frame.detections is not None and len(there) == 1:
        there.append('nobody labeled' if there == ['detected'] else 'missed')
    axes.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), aspect='equal', facecolor=BACKGROUND)
    axes.set_title(f'{np.hypot(*center[:2]):.1f} m away, {int(near.sum())} points\n'
                   f'{", ".join(there)}', color=TEXT, fontsize=9)
    axes.tick_params(colors=TEXT, labelsize=7)
    for spine in axes.spines.values():
        spine.set_color((*TEXT, 0.3))


def _add_skeletons(axes: Axes, boxes: Boxes | None, center: np.ndarray, is_gt: bool,
                   width: float) -> None:
    if boxes is None or boxes.joints is None or not len(boxes):
        return
    near = np.linalg.norm(boxes.boxes[:, :2] - center[:2], axis=1) < TOGETHER
    visibility = None if boxes.visibility is None else boxes.visibility[near]
    segments, colors = skeleton_segments(boxes.joints[near], visibility, is_gt)
    axes.add_collection(LineCollection(side_view(segments, center), colors=colors,
                                       linewidths=width, capstyle='round'))


def _is_at(boxes: Boxes | None, center: np.ndarray) -> bool:
    """Whether one of some people stands at a place."""
    return boxes is not None and bool(
        (np.linalg.norm(boxes.boxes[:, :2] - center[:2], axis=1) < TOGETHER).any())


def _legend() -> list[Line2D]:
    return [Line2D([], [], color=color, linewidth=2.5, label=label) for color, label in (
        (GROUND_TRUTH, 'labeled'), (LEFT, 'detected, left'), (RIGHT, 'detected, right'),
        (MIDDLE, 'detected, middle; paler: uncertain'))]
