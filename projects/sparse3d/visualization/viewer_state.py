"""What the viewer shows, without any window: frames, toggles, the picked box."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from sparse3d.visualization.frame import Boxes, Frame
from sparse3d.visualization.scene_3d import scene_geometries
from sparse3d.visualization.style import DEFAULT, Style

LAYERS = ('points', 'ground truth', 'detections', 'velocities', 'skeletons')
TRACKS, MISTAKES = 'tracks', 'mistakes'     # layers of the viewer in the browser
KEPT_FRAMES = 16        # loaded frames that are kept: going back is quick
PICK_MARGIN = 0.3       # meters round a box that still pick it


@dataclass
class ViewerState:
    """Frames that can be walked through, and what of them is shown.

    Args:
        load: gives the frame of a number, e.g. from a dataset and a detector.
        count: number of frames.
        judge: tells the mistakes of a frame as it is shown, or None where nobody can.
    """

    load: Callable[[int], Frame]
    count: int
    index: int = 0
    score_threshold: float = 0.3
    color_by: str = 'height'
    style: Style = DEFAULT
    shown: set[str] = field(default_factory=lambda: {*LAYERS, TRACKS, MISTAKES})
    judge: Callable[[Frame], Frame] | None = None

    def __post_init__(self) -> None:
        self._load = lru_cache(maxsize=KEPT_FRAMES)(self.load)

    def go(self, index: int) -> None:
        """Show another frame; beyond the ends is the end."""
        self.index = min(max(index, 0), self.count - 1)

    def step(self, by: int) -> None:
        """Go forward or back."""
        self.go(self.index + by)

    def toggle(self, layer: str) -> None:
        """Show a layer, or no longer."""
        self.shown ^= {layer}

    @property
    def frame(self) -> Frame:
        """The frame as it is shown: without hidden layers and weak detections."""
        frame = self._load(self.index)
        truth, found = frame.ground_truth, frame.detections
        if found is not None:
            found = found.above(self.score_threshold)
        if self.judge is not None and MISTAKES in self.shown:
            frame = self.judge(replace(frame, detections=found))
            truth, found = frame.ground_truth, frame.detections
        elif truth is not None and truth.found_by is not None and truth.kinds is not None:
            hidden = truth.found_by < self.score_threshold      # what found it is not shown
            truth = replace(truth, kinds=np.where(hidden, 'missed', truth.kinds))
        truth = truth if 'ground truth' in self.shown else None
        found = found if 'detections' in self.shown else None
        frame = replace(frame, ground_truth=truth, detections=found)
        return frame if 'skeletons' in self.shown else frame.without_joints()

    def geometries(self) -> list[dict[str, Any]]:
        """What open3d draws of the frame; see :func:`scene_geometries`."""
        frame = self.frame
        style = replace(self.style, color_by=self.coloring(frame))
        return [item for item in scene_geometries(frame, style)
                if item['name'] not in ('points', 'velocities') or item['name'] in self.shown]

    def coloring(self, frame: Frame) -> str:
        """The wanted coloring, or by height if the points lack what it goes by."""
        if self.color_by == 'importance' and frame.importance is None:
            return 'height'
        columns = dict(height=3, intensity=4, time=5)
        enough = frame.points.shape[1] >= columns.get(self.color_by, 3)
        return self.color_by if enough else 'height'

    def pick(self, position: Sequence[float]) -> str | None:
        """Numbers of the box at a position of the scene in meters, or None; detections first."""
        frame = self.frame
        for kind, boxes in (('detected', frame.detections), ('labeled', frame.ground_truth)):
            row = None if boxes is None else box_at(boxes, np.asarray(position, float))
            if row is not None:
                return f'{kind} {describe_box(frame, boxes, row)}'
        return None


def box_at(boxes: Boxes, position: np.ndarray) -> int | None:
    """Row of the box that holds a position, nearest center first."""
    if not len(boxes):
        return None
    offset = position - boxes.boxes[:, :3] - [0, 0, 0.5] * boxes.boxes[:, 3:6]
    cos, sin = np.cos(boxes.boxes[:, 6]), np.sin(boxes.boxes[:, 6])
    local = np.stack([offset[:, 0] * cos + offset[:, 1] * sin,
                      offset[:, 1] * cos - offset[:, 0] * sin, offset[:, 2]], axis=1)
    inside = (np.abs(local) <= boxes.boxes[:, 3:6] / 2 + PICK_MARGIN).all(axis=1)
    rows = np.flatnonzero(inside)
    return int(rows[np.linalg.norm(local[rows], axis=1).argmin()]) if len(rows) else None


def describe_box(frame: Frame, boxes: Boxes, row: int) -> str:
    """A box in words: class, score, center, size, heading, speed, distance, points inside."""
    from sparse3d.structures.box_geometry import points_in_box
    box = boxes.boxes[row]
    lines = [frame.class_name(boxes.labels[row])]
    if boxes.scores is not None:
        lines[0] += f', score {boxes.scores[row]:.2f}'
    lines += [f'x {box[0]:.2f}, y {box[1]:.2f}, z bottom {box[2]:.2f} m',
              f'{box[3]:.2f} x {box[4]:.2f} x {box[5]:.2f} m',
              f'yaw {np.degrees(box[6]):.1f} degrees',
              f'{np.hypot(box[0], box[1]):.1f} m away, '
              f'{len(points_in_box(frame.points, box[:7]))} points']
    if len(box) >= 9 and np.isfinite(box[7:9]).all():
        lines.append(f'{np.hypot(box[7], box[8]):.1f} m/s')
    return '\n'.join(lines)
