"""What every tracker is, and what all of them check: the order of frames, poses, classes."""
from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol

import numpy as np

from sparse3d.errors import DataError
from sparse3d.structures.box_conversions import center_to_lidar, lidar_to_center, wrap_angle
from sparse3d.structures.detections import Detections
from sparse3d.structures.given_matrix import given_pose
from sparse3d.structures.tracks import Tracks

_LATEST = 1e11  # seconds since 1970 are less for some thousand years; milliseconds are more


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
            DataError: if the timestamp is not later than the last or no number of seconds, the
                pose is none or given in some frames only, or a box is not finite or of a class
                that cannot be tracked; the state is then as it was.
        """

    def reset(self) -> None:
        """A new scene begins: all tracks end, and time may start anywhere."""


def follow(tracker: Tracker, detections: Detections, timestamp: float,
           ego_pose: np.ndarray | None, new_scene: bool) -> Tracks:
    """Go on by a frame, of which a new scene may begin; a refused frame leaves all as it was.

    Raises:
        DataError: as :meth:`Tracker.update`.
    """
    if not new_scene:
        return tracker.update(detections, timestamp, ego_pose)
    before = deepcopy(vars(tracker))
    tracker.reset()
    try:
        return tracker.update(detections, timestamp, ego_pose)
    except BaseException:
        vars(tracker).update(before)
        raise


@dataclass(frozen=True)
class Step:
    """A frame that may be tracked.

    Attributes:
        timestamp: of the frame [s].
        seconds: since the frame before, 0 for the first.
        pose: (4, 4) float64 LiDAR frame to world.
    """

    timestamp: float
    seconds: float
    pose: np.ndarray


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
              ego_pose: np.ndarray | None) -> Step:
        """The step to a frame.

        Nothing is remembered until :meth:`accept`.

        Raises:
            DataError: see :class:`Tracker`.
        """
        _refuse_broken_boxes(detections)
        here = f'frame {detections.name}'
        time = seconds_of(timestamp, here)
        pose = np.eye(4) if ego_pose is None else given_pose(ego_pose, f'the ego_pose of {here}')
        if self._time is None:
            return Step(time, 0.0, pose)
        if time <= self._time:
            way = ('is there twice; leave one of the two out' if time == self._time else
                   f'is {self._time - time:.3f} s earlier than the frame before; sort the '
                   f'frames by time')
            raise DataError(f'{here} at {time:.6f} s {way}, or call reset() where a new '
                            f'scene begins')
        if self._with_pose != (ego_pose is not None):
            raise DataError(f'{here} has {"no" if self._with_pose else "a"} pose unlike '
                            f'the frame before; give poses of all frames or of none')
        if detections.class_names != self._class_names:
            raise DataError(f'the classes of {here} are {", ".join(detections.class_names)}, those '
                            f'of the frame before {", ".join(self._class_names)}; track results '
                            f'of one detector, or call reset() between them')
        return Step(time, time - self._time, pose)

    def accept(self, detections: Detections, timestamp: float,
               ego_pose: np.ndarray | None) -> None:
        """The frame is the last one now."""
        self._time, self._with_pose = float(timestamp), ego_pose is not None
        self._class_names = detections.class_names


def seconds_of(timestamp: Any, here: str) -> float:
    """A time as a number.

    Raises:
        DataError: for what is none, or not of seconds.
    """
    value = timestamp.item() if hasattr(timestamp, 'item') and not np.ndim(timestamp) else timestamp
    if not isinstance(value, Real) or isinstance(value, bool) or not np.isfinite(value):
        raise DataError(f'the time of {here} is {value!r:.60}; give seconds, as a finite number')
    if abs(value) > _LATEST:
        raise DataError(f'the time of {here} is {value:.0f}, which is not in seconds; divide '
                        f'milliseconds by 1e3, microseconds by 1e6, nanoseconds by 1e9')
    return float(value)


def _refuse_broken_boxes(detections: Detections) -> None:
    """Raise unless all can be followed; velocities may be unknown (NaN)."""
    if not isinstance(detections, Detections):
        raise DataError(f'a tracker follows Detections (sparse3d.structures.detections), not '
                        f'{type(detections).__name__}')
    if not len(detections):
        return
    boxes = np.asarray(detections.boxes_3d, np.float64)
    scores = np.asarray(detections.scores, np.float64)
    usable = np.isfinite(boxes[:, :7]).all(axis=1) & ~np.isinf(boxes).any(axis=1)
    usable &= (boxes[:, 3:6] >= 0).all(axis=1) & np.isfinite(scores)
    if not usable.all():
        row = int(np.flatnonzero(~usable)[0])
        raise DataError(f'detection {row} of frame {detections.name} has the box '
                        f'{boxes[row].tolist()} and the score {scores[row]}; give finite numbers '
                        f'and sizes of 0 m or more, or leave it out')


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
