"""Boxes and tracks as messages: vision_msgs' Detection3DArray and Foxglove's SceneUpdate.

Boxes of both have their center in the middle and are turned about z; ``z_bottom`` is half a
height lower. Velocities have no place in Detection3D; they stand in the metadata of the scene.
"""
from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from sparse3d.recordings.definitions import DETECTIONS, SCENE
from sparse3d.recordings.message_types import encoded, message
from sparse3d.structures.detections import Detections
from sparse3d.structures.tracks import Tracks

_ALL = 1                # SceneEntityDeletion.ALL
_GOLDEN = 0.618033989   # turns of the color circle that keep neighbors apart
_OPACITY, _FONT = 0.35, 0.7


@dataclass(frozen=True)
class Outgoing:
    """A message that is to be sent or stored.

    Attributes:
        topic: where.
        message: of the type classes of rosbags.
        log_time: when the cloud or picture that it is about was recorded [ns].
    """

    topic: str
    message: Any = field(repr=False)
    log_time: int

    @property
    def type(self) -> str:
        """Full name of the message's type."""
        return self.message.__msgtype__

    @cached_property
    def data(self) -> bytes:
        """The message as ROS 2 sends it (CDR)."""
        return encoded(self.message)


def detection_array(found: Detections | Tracks, stamp: int, frame: str) -> Any:
    """A Detection3DArray; the ids of tracks are texts, those of detections are empty.

    Args:
        found: boxes in ``frame``.
        stamp: of the moment [ns].
        frame: whose boxes they are.
    """
    header = _header(stamp, frame)
    ids = [str(number) for number in found.ids] if isinstance(found, Tracks) else [''] * len(found)
    return message(DETECTIONS, header=header, detections=[
        message('vision_msgs/msg/Detection3D', header=header, results=[_hypothesis(*row[:3])],
                bbox=message('vision_msgs/msg/BoundingBox3D', center=_pose(row[0]),
                             size=_vector(row[0][3:6])), id=row[3])
        for row in zip(np.asarray(found.boxes_3d, np.float64), found.names, found.scores, ids,
                       strict=True)])


def scene_update(found: Detections | Tracks, stamp: int, frame: str) -> Any:
    """A SceneUpdate that replaces what was drawn before: a box, an arrow and a text for each."""
    numbers = found.ids if isinstance(found, Tracks) else np.arange(len(found))
    time = _time(stamp)
    gone = message('foxglove_msgs/msg/SceneEntityDeletion', timestamp=time, type=_ALL, id='')
    rows = zip(np.asarray(found.boxes_3d, np.float64), found.names, found.scores, numbers,
               found.labels, strict=True)
    return message(SCENE, deletions=[gone], entities=[
        _entity(box, name, float(score), int(number),
                _color(int(number) if isinstance(found, Tracks) else int(label)), time, frame,
                isinstance(found, Tracks)) for box, name, score, number, label in rows])


def boxes_of(array: Any, class_names: Sequence[str]) -> Detections:
    """The inverse of :func:`detection_array`: what a Detection3DArray says, as arrays.

    Raises:
        DataError: for a class that is not among ``class_names``.
    """
    boxes = np.zeros((len(array.detections), 7))
    for row, each in enumerate(array.detections):
        place, turn, size = each.bbox.center.position, each.bbox.center.orientation, each.bbox.size
        yaw = 2 * np.arctan2(turn.z, turn.w)
        boxes[row] = (place.x, place.y, place.z - size.z / 2, size.x, size.y, size.z,
                      (yaw + np.pi) % (2 * np.pi) - np.pi)
    best = [each.results[0].hypothesis for each in array.detections]
    return Detections.from_lists(boxes, [one.score for one in best],
                                 [one.class_id for one in best], class_names)


def _entity(box: np.ndarray, name: str, score: float, number: int, color: Any, time: Any,
            frame: str, tracked: bool) -> Any:
    pose = _pose(box)
    metadata = {'class': name, 'score': f'{score:.3f}'}
    if len(box) > 7 and np.isfinite(box[7:9]).all():
        metadata |= {'vx': f'{box[7]:.3f}', 'vy': f'{box[8]:.3f}'}
    text = f'{name} #{number}' if tracked else f'{name} {score:.2f}'
    arrow = message('foxglove_msgs/msg/ArrowPrimitive', pose=pose, shaft_length=box[3] / 2,
                    shaft_diameter=.08, head_length=.3, head_diameter=.25, color=color)
    cube = message('foxglove_msgs/msg/CubePrimitive', pose=pose, size=_vector(box[3:6]),
                   color=color)
    above = message('foxglove_msgs/msg/TextPrimitive', pose=_pose(box, above=True), billboard=True,
                    font_size=_FONT, scale_invariant=False, color=_plain_color(color), text=text)
    return message(
        'foxglove_msgs/msg/SceneEntity', timestamp=time, frame_id=frame, id=str(number),
        lifetime=message('builtin_interfaces/msg/Duration', sec=0, nanosec=0), frame_locked=True,
        metadata=[message('foxglove_msgs/msg/KeyValuePair', key=key, value=value)
                  for key, value in metadata.items()],
        arrows=[arrow], cubes=[cube], spheres=[], cylinders=[], lines=[], triangles=[],
        texts=[above], models=[])


def _hypothesis(box: np.ndarray, name: str, score: float) -> Any:
    pose = message('geometry_msgs/msg/PoseWithCovariance', pose=_pose(box),
                   covariance=np.zeros(36))
    return message('vision_msgs/msg/ObjectHypothesisWithPose', pose=pose,
                   hypothesis=message('vision_msgs/msg/ObjectHypothesis', class_id=name,
                                      score=float(score)))


def _pose(box: np.ndarray, above: bool = False) -> Any:
    """Of a box (7 or 9); the middle of it, or a little over its top."""
    height = box[5] + .5 if above else box[5] / 2
    turn = message('geometry_msgs/msg/Quaternion', x=0.0, y=0.0, z=float(np.sin(box[6] / 2)),
                   w=float(np.cos(box[6] / 2)))
    return message('geometry_msgs/msg/Pose', orientation=turn, position=message(
        'geometry_msgs/msg/Point', x=float(box[0]), y=float(box[1]), z=float(box[2] + height)))


def _vector(values: np.ndarray) -> Any:
    x, y, z = map(float, values)
    return message('geometry_msgs/msg/Vector3', x=x, y=y, z=z)


def _time(stamp: int) -> Any:
    return message('builtin_interfaces/msg/Time', sec=stamp // 10 ** 9, nanosec=stamp % 10 ** 9)


def _header(stamp: int, frame: str) -> Any:
    return message('std_msgs/msg/Header', stamp=_time(stamp), frame_id=frame)


def _color(number: int) -> Any:
    red, green, blue = colorsys.hsv_to_rgb(number * _GOLDEN % 1.0, .75, .95)
    return message('foxglove_msgs/msg/Color', r=red, g=green, b=blue, a=_OPACITY)


def _plain_color(color: Any) -> Any:
    return message('foxglove_msgs/msg/Color', r=color.r, g=color.g, b=color.b, a=1.0)
