"""Where frames lie to each other over time: /tf, /tf_static and odometry of the last seconds.

Transforms are (4, 4) float64, named ``target_from_source``; times are nanoseconds.
"""
from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparse3d.errors import DataError
from sparse3d.recordings.foreign_text import shown_frame
from sparse3d.structures.quaternions import rotation_matrices

HORIZON = 20 * 10 ** 9    # how long transforms are kept
TOLERANCE = 10 ** 8       # so long beyond what is known of an edge it is extended
MAX_GAP = 10 ** 9         # so long a time without a transform is interpolated over
MAX_DEPTH = 50            # frames above one another
MAX_POSITION = 1e9        # meters


class MissingTransform(DataError):
    """Nothing says where two frames lie to each other at that time."""


@dataclass
class _Edge:
    """A moving frame below its parent: poses in order of time."""

    parent: str
    times: list[int] = field(default_factory=list)
    poses: dict[int, np.ndarray] = field(default_factory=dict)  # time -> x, y, z, qw, qx, qy, qz

    def add(self, time: int, pose: np.ndarray) -> None:
        if time not in self.poses:
            insort(self.times, time)
        self.poses[time] = pose
        while self.times[-1] - self.times[0] > HORIZON:
            del self.poses[self.times.pop(0)]

    def at(self, time: int, name: str) -> np.ndarray:
        place = bisect_left(self.times, time)
        if place < len(self.times) and self.times[place] == time:
            return _matrix(self.poses[time])
        inside = 0 < place < len(self.times)
        if inside and self.times[place] - self.times[place - 1] <= MAX_GAP:
            return self._on_the_line(place - 1, place, time)
        near = [number for number in (place - 1, place) if 0 <= number < len(self.times)]
        nearest = min(near, key=lambda number: abs(self.times[number] - time))
        if abs(self.times[nearest] - time) > TOLERANCE:
            raise MissingTransform(f'no transform of {shown_frame(name)} within '
                                   f'{TOLERANCE / 1e9:g} s')
        other = nearest + (1 if nearest == place else -1)  # away from the time that is asked for
        if 0 <= other < len(self.times) and abs(self.times[other] - self.times[nearest]) <= MAX_GAP:
            return self._on_the_line(other, nearest, time)
        return _matrix(self.poses[self.times[nearest]])

    def _on_the_line(self, first: int, second: int, time: int) -> np.ndarray:
        """Through two poses, between or beyond them."""
        start, end = self.times[first], self.times[second]
        return _matrix(_between(self.poses[start], self.poses[end], (time - start) / (end - start)))


class TransformTree:
    """Frames below each other; the newest ``HORIZON`` of those that move."""

    def __init__(self) -> None:
        self._static: dict[str, tuple[str, np.ndarray]] = {}
        self._moving: dict[str, _Edge] = {}
        self._from_odometry: set[str] = set()

    def add(self, message: Any, static: bool = False) -> int:
        """Take in a TFMessage; gives how many of its transforms cannot be used."""
        unusable = 0
        for each in message.transforms:
            parent, child = _name(each.header.frame_id), _name(each.child_frame_id)
            move, turn = each.transform.translation, each.transform.rotation
            pose = np.array([move.x, move.y, move.z, turn.w, turn.x, turn.y, turn.z], np.float64)
            if not _usable(pose):
                unusable += 1
            if not _usable(pose) or parent == child or not child:
                continue
            if static:
                self._static[child] = parent, _matrix(pose)
            else:
                if child in self._from_odometry:
                    self._from_odometry.discard(child)
                    del self._moving[child]
                self._add(parent, child, nanoseconds(each.header.stamp), pose)
        return unusable

    def add_odometry(self, message: Any) -> int:
        """Take in an Odometry; gives 1 if it cannot be used, else 0.

        /tf says more, where it knows the same frame.
        """
        parent, child = _name(message.header.frame_id), _name(message.child_frame_id)
        if not child or parent == child or child in self._static or (
                child in self._moving and child not in self._from_odometry):
            return 0
        place, turn = message.pose.pose.position, message.pose.pose.orientation
        pose = np.array([place.x, place.y, place.z, turn.w, turn.x, turn.y, turn.z], np.float64)
        if not _usable(pose):
            return 1
        self._from_odometry.add(child)
        self._add(parent, child, nanoseconds(message.header.stamp), pose)
        return 0

    def _add(self, parent: str, child: str, time: int, pose: np.ndarray) -> None:
        edge = self._moving.get(child)
        if edge is None or edge.parent != parent:
            edge = self._moving[child] = _Edge(parent)
        edge.add(time, pose)

    def forget_moving(self) -> None:
        """What moved is not known any more: the clock jumped."""
        self._moving.clear()
        self._from_odometry.clear()

    def reaches(self, frame: str, time: int) -> bool:
        """Whether all that moves above a frame is known up to this time."""
        return all(edge.times[-1] >= time for edge in self._edges(frame))

    def moves(self, frame: str) -> bool:
        """Whether anything above a frame moves."""
        return bool(self._edges(frame))

    def fixed_frame(self, frame: str, wanted: str = '') -> str | None:
        """The frame above one that stands still: the one that is wanted, else ``odom``, else the
        highest; None if nothing above it moves."""
        above = self._above(frame)
        if wanted:
            return wanted if wanted in self._path(frame) else None
        if not self.moves(frame):
            return None
        return 'odom' if 'odom' in above else above[-1]

    def base_frame(self, frame: str) -> str:
        """The highest frame that is rigidly connected with one: usually ``base_link``."""
        here = _name(frame)
        for _ in range(MAX_DEPTH):
            if here not in self._static:
                return here
            here = self._static[here][0]
        return here

    def lookup(self, target: str, source: str, time: int) -> np.ndarray:
        """``target_from_source`` (4, 4) at a time.

        Raises:
            MissingTransform: if the tree does not connect them at that time.
        """
        target, source = _name(target), _name(source)
        if target == source:
            return np.eye(4)
        up, down = self._path(source), self._path(target)
        common = next((frame for frame in up if frame in down), None)
        if common is None:
            raise MissingTransform(f'no transform connects {shown_frame(source)} with '
                                   f'{shown_frame(target)}')
        return np.linalg.inv(self._to(common, target, time)) @ self._to(common, source, time)

    def _to(self, ancestor: str, frame: str, time: int) -> np.ndarray:
        """``ancestor_from_frame``."""
        matrix = np.eye(4)
        while frame != ancestor:
            parent, step = self._step(frame, time)
            matrix, frame = step @ matrix, parent
        return matrix

    def _step(self, frame: str, time: int) -> tuple[str, np.ndarray]:
        if frame in self._static:
            return self._static[frame]
        edge = self._moving[frame]
        return edge.parent, edge.at(time, frame)

    def _path(self, frame: str) -> list[str]:
        return [_name(frame), *self._above(frame)]

    def _above(self, frame: str) -> list[str]:
        found, here = [], _name(frame)
        while here in self._static or here in self._moving:
            here = self._static[here][0] if here in self._static else self._moving[here].parent
            if here in found or here == _name(frame):  # a circle leads nowhere
                break
            found.append(here)
        return found

    def _edges(self, frame: str) -> list[_Edge]:
        return [self._moving[name] for name in self._path(frame)
                if name in self._moving and name not in self._static]


def nanoseconds(stamp: Any) -> int:
    """A time of ROS 2 as one number."""
    return int(stamp.sec) * 10 ** 9 + int(stamp.nanosec)


def _name(frame: str) -> str:
    return frame.lstrip('/')  # tf of ROS 1 put it there


def _usable(pose: np.ndarray) -> bool:
    turn = float(np.abs(pose[3:]).max())
    return bool((np.abs(pose[:3]) < MAX_POSITION).all()) and 1e-6 < turn < 1e6


def _matrix(pose: np.ndarray) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation_matrices(pose[3:]), pose[:3]
    return matrix


def _between(first: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
    """Positions on a line, rotations on the shortest arc."""
    pose = first + share * (second - first)
    one, other = (turn / np.linalg.norm(turn) for turn in (first[3:], second[3:]))
    cosine = float(one @ other)
    if cosine < 0:
        other, cosine = -other, -cosine
    angle = np.arccos(min(cosine, 1.0))
    if angle < 1e-6:
        pose[3:] = one + share * (other - one)
    else:
        pose[3:] = (np.sin((1 - share) * angle) * one + np.sin(share * angle) * other
                    ) / np.sin(angle)
    return pose
