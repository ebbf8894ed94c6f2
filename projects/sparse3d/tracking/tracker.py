"""What every tracker is, and what all of them check: the order of frames, poses, classes."""
from __future__ import annotations

from typing import Protocol

import numpy as np

from sparse3d.errors import DataError
from sparse3d.structures.box_conversions import center_to_lidar, lidar_to_center, wrap_angle
from sparse3d.structures.detections import Detections
from sparse3d.structures.tracks import Tracks


class Tracker(Protocol):
    """Detections of one frame after the other in, tracks of the same frame out.

    Frames may be missing, empty, and any time apart. Ids are given once, also over resets.
    """

    def update(self, detections: Detections, timestamp: float,
               ego_pose: np.ndarray | None = None) -> Tracks:
        """Go on by a frame.

        Args:
            detections: of the frame, boxes in its LiDAR frame.
            timestamp: [s]; later than that of the frame before.
            ego_pose: (4, 4) LiDAR frame to a frame that stands still (``lidar2global``); None,
                in all frames, if the sensor stands still.

        Returns:
            What was seen in this frame, and if wanted what is lost, in its LiDAR frame.

        Raises:
            DataError: if the timestamp is not later than the last, poses are given in some frames
                only, or detections cannot be tracked; the state is then as it was.
        """

    def reset(self) -> None:
        """A new scene begins: all tracks end, and time may start anywhere."""


class FrameOrder:
    """Checks that the frames of a stream follow each other."""

    def __init__(self) -> None:
        self._time: float | None = None
        self._with_pose = False
        self._class_names: tuple[str, ...] = ()

    def clear(self) -> None:
        """Anything may follow."""
        self.__init__()  # type: ignore[misc]

    def check(self, detections: Detections, timestamp: float,
              ego_pose: np.ndarray | None) -> tuple[float, np.ndarray]:
        """Seconds since the frame before, 0 for the first, and the pose (4, 4).

        Nothing is remembered until :meth:`accept`.

        Raises:
            DataError: see :class:`Tracker`.
        """
        here = f'frame {detections.name}'
        if not np.isfinite(timestamp):
            raise DataError(f'the time of {here} is {timestamp}; give seconds')
        pose = np.eye(4) if ego_pose is None else np.asarray(ego_pose, np.float64)
        if pose.shape != (4, 4) or not np.isfinite(pose).all():
            raise DataError(f'the ego_pose of {here} has the shape {pose.shape}; 4 x 4 finite '
                            f'numbers are needed, LiDAR frame to world')
        if self._time is None:
            return 0.0, pose
        if timestamp <= self._time:
            way = ('is there twice; leave one of the two out' if timestamp == self._time else
                   f'is {self._time - timestamp:.3f} s earlier than the frame before; sort the '
                   f'frames by time')
            raise DataError(f'{here} at {timestamp:.6f} s {way}, or call reset() where a new '
                            f'scene begins')
        if self._with_pose != (ego_pose is not None):
            raise DataError(f'{here} has {"no" if self._with_pose else "a"} pose unlike '
                            f'the frame before; give poses of all frames or of none')
        if detections.class_names != self._class_names:
            raise DataError(f'the classes of {here} are {", ".join(detections.class_names)}, those '
                            f'of the frame before {", ".join(self._class_names)}; track results '
                            f'of one detector, or call reset() between them')
        return timestamp - self._time, pose

    def accept(self, detections: Detections, timestamp: float,
               ego_pose: np.ndarray | None) -> None:
        """The frame is the last one now."""
        self._time, self._with_pose = timestamp, ego_pose is not None
        self._class_names = detections.class_names


def in_world(boxes: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Boxes (N, 7 or 9) of the LiDAR frame in the world, (N, 9); unknown velocities are NaN."""
    boxes = np.asarray(boxes, np.float64)
    moved = np.full((len(boxes), 9), np.nan)
    if len(boxes):
        moved[:, :boxes.shape[1]] = boxes
    return _turned(moved, pose[:3, :3], pose[:3, 3])


def in_lidar(boxes: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """The inverse of :func:`in_world`, for boxes (N, 9)."""
    back = np.linalg.inv(pose)
    return _turned(np.array(boxes, np.float64), back[:3, :3], back[:3, 3])


def _turned(boxes: np.ndarray, rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """Boxes stay upright: vehicles tilt by a degree or two, and boxes have no tilt."""
    boxes = lidar_to_center(boxes)
    boxes[:, :3] = boxes[:, :3] @ rotation.T + translation
    boxes = center_to_lidar(boxes)
    turn = np.arctan2(rotation[1, 0], rotation[0, 0])
    boxes[:, 6] = wrap_angle(boxes[:, 6] + turn)
    flat = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    boxes[:, 7:9] = boxes[:, 7:9] @ flat.T
    return boxes
