"""Submission files of Waymo's detection and pose challenges, without compiled messages.

The messages are described here, at run time, with the published names and numbers of
those fields that a submission uses; a reader of the full messages accepts them.

Source: ``submission.proto``, ``metrics.proto``, ``label.proto`` and ``keypoint.proto`` of
the Waymo Open Dataset, version 1.6.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.datasets.waymo.frame import TYPE_NAMES
from sparse3d.datasets.waymo.keypoints.people import JOINT_TYPES
from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.box_conversions import center_to_lidar, lidar_to_center, wrap_angle
from sparse3d.structures.detection_formats import LARGEST_NUMBER, register_format
from sparse3d.structures.detections import Detections
from sparse3d.structures.result_files import ResultFormat, register_results
from sparse3d.transforms.point_files import read_bytes

PACKAGE = 'sparse3d.waymo_submission'
DETECTION_3D, TRACKING_3D, LIDAR_ALL = 2, 4, 1
_BOX = ('center_x', 'center_y', 'center_z', 'length', 'width', 'height', 'heading')
_CLASSES = dict(VEHICLE='Car', PEDESTRIAN='Pedestrian', CYCLIST='Cyclist')  # in info files
_TYPES = {name: getattr(descriptor_pb2.FieldDescriptorProto, f'TYPE_{name.upper()}')
          for name in ('double', 'float', 'int32', 'int64', 'bool', 'string')}
_XYZ = 'x double 1, y double 2, z double 3'
_ABOUT = ('account_name string {}, unique_method_name string 2, authors string* 3, '
          'affiliation string 4, description string 5, method_link string 6')
# Message -> "field type number"; * repeats. Enumerations travel as int32.
_MESSAGES = dict(
    Box='center_x double 1, center_y double 2, center_z double 3, width double 4, '
        'length double 5, height double 6, heading double 7',
    Label='box Box 1, type int32 3, id string 4',
    Object='object Label 1, score float 2, overlap_with_nlz bool 3, context_name string 4, '
           'frame_timestamp_micros int64 5, camera_name int32 6',
    Objects='objects Object* 1',
    Submission='task int32 1, ' + _ABOUT.format(13) + ', '
               'number_past_frames_exclude_current int32 9, '
               'number_future_frames_exclude_current int32 10, inference_results Objects 11, '
               'sensor_type int32 12, object_types int32* 14, latency_second float 15',
    Vector3d=_XYZ,
    Box3d='center Vector3d 1, size Vector3d 2, heading double 3',
    KeypointVisibility='is_occluded bool 1',
    Keypoint3d='location_m Vector3d 1, visibility KeypointVisibility 2',
    LaserKeypoint='type int32 1, keypoint_3d Keypoint3d 2',
    LaserKeypoints='keypoint LaserKeypoint* 1',
    PoseEstimationKey='context_name string 1, frame_timestamp_micros int64 2',
    PoseEstimation='key PoseEstimationKey 1, laser_keypoints LaserKeypoints 2, box Box3d 3',
    PoseEstimationSubmission=_ABOUT.format(1) + ', pose_estimations PoseEstimation* 7')


def write_detection_submission(path: str | os.PathLike, frames: Iterable[Mapping],
                               plain_objects: bool = False, **about: Any) -> None:
    """Write detections as a ``Submission`` for the server, as a whole or not at all.

    Args:
        path: the file.
        frames: of each frame ``name`` (context name, timestamp in microseconds), ``box``
            [N, 7] x, y, z of the geometric center, length, width, height, heading
            (vehicle frame, meters, radians), ``type`` [N] Waymo's number, ``score`` [N]; with
            ``id`` [N] they are tracks, and the submission one for 3D tracking.
        plain_objects: write a bare ``Objects`` instead, what the local tool reads.
        about: other fields of ``Submission``, e.g. ``account_name='...'``,
            ``unique_method_name='...'``, ``authors=['...']``, ``sensor_type=1``.

    Raises:
        ConfigError: for a field that a submission does not have.
        DataError: if the file cannot be written.
    """
    submission = new_message('Submission')
    submission.task, submission.sensor_type = DETECTION_3D, LIDAR_ALL
    _fill(submission, about)
    objects = submission.inference_results.objects
    for frame in frames:
        ids = frame.get('id')
        if ids is not None:
            submission.task = TRACKING_3D
        for row, (box, kind, score) in enumerate(zip(frame['box'], frame['type'],
                                                     frame['score'], strict=True)):
            _add_object(objects.add(), frame['name'], box, kind, score)
            if ids is not None:
                objects[-1].object.id = str(ids[row])
    whole = submission.inference_results if plain_objects else submission
    write_bytes_atomically(path, whole.SerializeToString())


def write_keypoint_submission(path: str | os.PathLike, frames: Iterable[Mapping],
                              **about: Any) -> None:
    """Write people as a ``PoseEstimationSubmission``, as a whole or not at all.

    The format knows no score: drop duplicates and weak detections before. Keypoints with a
    visibility of at most 0 are left out, those of at most 1 are marked as occluded.

    Args:
        path: the file.
        frames: of each frame ``name`` (context name, timestamp in microseconds), ``box``
            [N, 7] as above, ``location`` [N, 14, 3] and ``visibility`` [N, 14].
        about: other fields, e.g. ``account_name='...'``, ``authors=['...']``.

    Raises:
        ConfigError: for a field that a submission does not have.
        DataError: if the file cannot be written.
    """
    submission = new_message('PoseEstimationSubmission')
    _fill(submission, about)
    for frame in frames:
        for box, location, visibility in zip(frame['box'], frame['location'],
                                             frame['visibility'], strict=True):
            _add_person(submission.pose_estimations.add(), frame['name'], box, location,
                        visibility)
    write_bytes_atomically(path, submission.SerializeToString())


def read_submission(path: str | os.PathLike, message: str = 'Submission') -> Message:
    """Read a submission file back.

    Args:
        message: ``'Submission'``, ``'Objects'`` or ``'PoseEstimationSubmission'``.

    Raises:
        DataError: if the file is missing or is not such a message.
    """
    result = new_message(message)
    try:
        result.ParseFromString(bytes(read_bytes(path)))
    except DecodeError as error:
        raise DataError(f'{path} is damaged or is no {message} of Waymo') from error
    return result


def new_message(name: str) -> Message:
    """An empty message of one of the kinds described above."""
    return _message_classes()[name]()


def _fill(submission: Message, about: Mapping[str, Any]) -> None:
    known = {field.name: field for field in submission.DESCRIPTOR.fields
             if field.message_type is None}
    for key, value in about.items():
        if key not in known:
            raise ConfigError(f'a submission has no field {key!r}; it has {", ".join(known)}')
        if isinstance(value, (list, tuple)):
            getattr(submission, key).extend(value)
        else:
            setattr(submission, key, value)


def _add_object(message: Message, name: tuple[str, int], box: np.ndarray, kind: int,
                score: float) -> None:
    message.context_name, message.frame_timestamp_micros = name
    message.score, message.object.type = float(score), int(kind)
    target = message.object.box
    target.center_x, target.center_y, target.center_z = box[:3].tolist()
    target.length, target.width, target.height = box[3:6].tolist()
    target.heading = float(wrap_angle(box[6]))


def _add_person(message: Message, name: tuple[str, int], box: np.ndarray, location: np.ndarray,
                visibility: np.ndarray) -> None:
    message.key.context_name, message.key.frame_timestamp_micros = name
    _set_vector(message.box.center, box[:3])
    _set_vector(message.box.size, box[3:6])
    message.box.heading = float(wrap_angle(box[6]))
    for kind, place, seen in zip(JOINT_TYPES, location, visibility, strict=True):
        if seen > 0:
            keypoint = message.laser_keypoints.keypoint.add(type=kind)
            _set_vector(keypoint.keypoint_3d.location_m, place)
            keypoint.keypoint_3d.visibility.is_occluded = bool(seen <= 1)


def _set_vector(message: Message, values: np.ndarray) -> None:
    message.x, message.y, message.z = values.tolist()


@lru_cache(maxsize=1)
def _message_classes() -> dict[str, type[Message]]:
    file = descriptor_pb2.FileDescriptorProto(
        name='sparse3d/waymo_submission.proto', package=PACKAGE, syntax='proto2')
    for name, description in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for part in description.split(', '):
            _describe(message.field.add(), *part.split())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(
        pool.FindMessageTypeByName(f'{PACKAGE}.{name}')) for name in _MESSAGES}


def _describe(field: descriptor_pb2.FieldDescriptorProto, name: str, kind: str,
              number: str) -> None:
    field.name, field.number = name, int(number)
    repeated = kind.endswith('*')
    field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
    kind = kind.removesuffix('*')
    if kind in _TYPES:
        field.type = _TYPES[kind]
    else:
        field.type, field.type_name = field.TYPE_MESSAGE, f'.{PACKAGE}.{kind}'


def to_waymo(detections: Detections) -> dict[str, np.ndarray]:
    """``boxes`` (N, 7) x, y, z of the center, length, width, height, heading in the vehicle
    frame; ``scores``; ``names``."""
    return dict(boxes=lidar_to_center(detections.boxes_3d[:, :7]), scores=detections.scores,
                names=np.array(detections.names, dtype=str))


def from_waymo(values: Mapping[str, np.ndarray], class_names: Sequence[str]) -> Detections:
    """The inverse of :func:`to_waymo`."""
    boxes = center_to_lidar(np.asarray(values['boxes']).reshape(-1, 7))
    return Detections.from_lists(boxes, values['scores'], list(values['names']), class_names)


def open_objects(path: Path) -> Callable[[Mapping], Detections | None]:
    """Objects of a submission, or bare ones, by segment and time.

    A frame without an object has no entry in the format; it counts as one where nothing was found
    as long as the file has objects of its segment.
    """
    message = read_submission(path, 'Objects')
    items = message.objects or read_submission(path).inference_results.objects
    if not items:
        raise DataError(f'{path} holds no objects of Waymo')
    frames: dict[tuple[str, int], list[Message]] = {}
    for item in items:
        frames.setdefault((item.context_name, item.frame_timestamp_micros), []).append(item)
    segments = {name for name, _ in frames}

    unread = set(frames)

    def of_sample(info: Mapping) -> Detections | None:
        if info['context_name'] not in segments:
            return None
        key = info['context_name'], int(info['timestamp'])
        unread.discard(key)
        found = frames.get(key, [])
        boxes = [[getattr(item.object.box, name) for name in _BOX] for item in found]
        _refuse_damaged(found, boxes, f'{path} is damaged: an object of segment '
                                      f'{info["context_name"]} at {info["timestamp"]}')
        names = [TYPE_NAMES[item.object.type] for item in found]
        made = from_waymo(dict(boxes=boxes, scores=[item.score for item in found],
                               names=[_CLASSES.get(name, name) for name in names]),
                          [_CLASSES.get(name, name) for name in TYPE_NAMES])
        ids = np.array([item.object.id for item in found])
        return replace(made, track_ids=ids) if len(ids) and all(ids) else made

    of_sample.unread = unread
    return of_sample


def _refuse_damaged(found: Sequence[Message], boxes: Sequence[Sequence[float]],
                    where: str) -> None:
    numbers = np.array([*np.ravel(boxes), *(item.score for item in found)])
    if not (abs(numbers) < LARGEST_NUMBER).all() or any(min(box[3:6]) <= 0 for box in boxes):
        raise DataError(f'{where} has a box or a score that is none')
    for item in found:
        if not 0 <= item.object.type < len(TYPE_NAMES):
            raise DataError(f'{where} has the type {item.object.type}; there are 0 to '
                            f'{len(TYPE_NAMES) - 1}')


register_results('waymo', ResultFormat(
    'objects or a submission of Waymo (.bin)',
    lambda path: path.is_file() and path.suffix.lower() == '.bin', open_objects))
register_format('waymo', to_waymo, from_waymo)
