"""What there is to see in one frame, as plain arrays."""
from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True)
class Boxes:
    """Boxes in the LiDAR frame with what is known about them.

    Attributes:
        boxes: (M, 7 or 9) x, y, z_bottom, dx, dy, dz, yaw[, vx, vy]; meters, radians.
        labels: (M,) class numbers; -1 for a class without a name.
        scores: (M,) in 0..1, or None for ground truth.
        joints: (M, K, 3) of people in meters, or None.
        visibility: (M, K) of the joints: above 0 present, above 1 visible; or None.
        kinds: (M,) kind of mistake of each, in the words of
            :mod:`sparse3d.metrics.detection_errors`, or None where nobody has looked.
        found_by: (M,) of labeled objects the score of the detection that is there, NaN for none:
            below it they are missed; or None.
        track_ids: (M,) what says which boxes of other frames are the same object, or None.
    """

    boxes: np.ndarray
    labels: np.ndarray
    scores: np.ndarray | None = None
    joints: np.ndarray | None = None
    visibility: np.ndarray | None = None
    kinds: np.ndarray | None = None
    track_ids: np.ndarray | None = None
    found_by: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def mistakes(self) -> np.ndarray:
        """(M,) which of them are known to be a mistake: missed, or not rightly detected."""
        if self.kinds is None:
            return np.zeros(len(self), bool)
        return ~np.isin(self.kinds.astype(str), ('found', 'ignored'))

    def turned(self, angle: float) -> Boxes:
        """The boxes turned about z at the origin by an angle in radians."""
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.array([[cos, -sin], [sin, cos]])
        boxes = self.boxes.copy()
        boxes[:, :2] = boxes[:, :2] @ turn.T
        boxes[:, 6] += angle
        if boxes.shape[1] >= 9:
            boxes[:, 7:9] = boxes[:, 7:9] @ turn.T
        joints = self.joints
        if joints is not None:
            joints = np.concatenate([joints[..., :2] @ turn.T, joints[..., 2:]], axis=-1)
        return replace(self, boxes=boxes, joints=joints)

    def without_joints(self) -> Boxes:
        """The boxes alone."""
        return replace(self, joints=None, visibility=None)

    def above(self, score_threshold: float) -> Boxes:
        """Those with at least this score, the best first; all of them without scores."""
        if self.scores is None:
            return self
        order = np.argsort(-self.scores, kind='stable')
        order = order[self.scores[order] >= score_threshold]
        columns = (self.boxes, self.labels, self.scores, self.joints, self.visibility,
                   self.kinds, self.track_ids)
        return Boxes(*(None if column is None else column[order] for column in columns))


@dataclass(frozen=True)
class Picture:
    """A camera image and how LiDAR points fall on it.

    Attributes:
        name: of the camera.
        image: (H, W, 3) uint8 RGB.
        lidar2img: (4, 4) LiDAR frame to (u * depth, v * depth, depth).
    """

    name: str
    image: np.ndarray
    lidar2img: np.ndarray


@dataclass(frozen=True)
class Frame:
    """Points, boxes and pictures of one moment, ready to be drawn.

    Attributes:
        name: shown in titles and used in file names.
        points: (N, >=3) x, y, z in meters, then intensity if there is a fourth column.
        class_names: by class number.
        ground_truth: labeled boxes, or None if unknown.
        detections: predicted boxes, or None if nothing was predicted.
        pictures: camera images, may be empty.
        importance: (N,) how much a detector makes of each point, or None.
        trails: of tracks: class number and (T, 3) places in meters, LiDAR frame of this moment.
        seconds: time of the frame, or None.
        trail_ids: identity of each trail, or nothing.
    """

    name: str
    points: np.ndarray
    class_names: tuple[str, ...]
    ground_truth: Boxes | None = None
    detections: Boxes | None = None
    pictures: tuple[Picture, ...] = field(default=())
    importance: np.ndarray | None = None
    trails: tuple[tuple[int, np.ndarray], ...] = ()
    seconds: float | None = None
    trail_ids: tuple[str, ...] = ()

    def turned(self, angle: float) -> Frame:
        """The same frame in axes in which everything is turned about z.

        Args:
            angle: radians, counter-clockwise.
        """
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.array([[cos, -sin], [sin, cos]])
        matrix = np.eye(4)
        matrix[:2, :2] = turn
        points = self.points.copy()
        points[:, :2] = points[:, :2] @ turn.T
        pictures = tuple(replace(picture, lidar2img=picture.lidar2img @ matrix.T)
                         for picture in self.pictures)
        trails = tuple((label, np.column_stack([places[:, :2] @ turn.T, places[:, 2:]]))
                       for label, places in self.trails)
        return replace(self, points=points, pictures=pictures, trails=trails,
                       ground_truth=self.ground_truth and self.ground_truth.turned(angle),
                       detections=self.detections and self.detections.turned(angle))

    def without_joints(self) -> Frame:
        """The same frame with boxes alone."""
        truth, found = self.ground_truth, self.detections
        return replace(self, ground_truth=None if truth is None else truth.without_joints(),
                       detections=None if found is None else found.without_joints())

    def trail_segments(self) -> tuple[np.ndarray, np.ndarray]:
        """Trails as lines (S, 2, 3), and the row of the trail of each, (S,)."""
        parts = [np.stack([places[:-1], places[1:]], axis=1) for _, places in self.trails]
        owners = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        return np.concatenate([np.zeros((0, 2, 3)), *parts]), owners

    @property
    def has_joints(self) -> bool:
        """Whether any of the boxes come with joints."""
        return any(boxes is not None and boxes.joints is not None
                   for boxes in (self.ground_truth, self.detections))

    def class_name(self, label: int) -> str:
        """The name of a class number, or ``class <number>``."""
        return self.class_names[label] if 0 <= label < len(self.class_names) else f'class {label}'

    def summary(self) -> str:
        """One line for titles: frame, points, boxes."""
        parts = [f'frame {self.name}', f'{len(self.points):,} points']
        if self.ground_truth is not None:
            parts.append(f'{len(self.ground_truth)} labeled')
        if self.detections is not None:
            parts.append(f'{len(self.detections)} detected')
        return '  ·  '.join(parts)


def yaw_between(points: np.ndarray, turned: np.ndarray) -> float:
    """Angle about z in radians that took points to the same ones in other axes; 0 without any.

    Args:
        points, turned: (N, >=2) meters, row by row the same points.
    """
    if not len(turned):
        return 0.0
    far = int(np.abs(points[:, :2]).sum(axis=1).argmax())
    return float(np.arctan2(turned[far, 1], turned[far, 0])
                 - np.arctan2(points[far, 1], points[far, 0]))
