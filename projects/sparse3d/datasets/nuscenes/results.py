"""Detections in the format of the nuScenes detection task."""
from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.atomic_files import make_folder, write_bytes_atomically
from sparse3d.errors import DataError
from sparse3d.structures.box_conversions import lidar_to_nuscenes, nuscenes_to_lidar
from sparse3d.structures.detection_formats import finite_number, register_format
from sparse3d.structures.detections import Detections
from sparse3d.structures.given_matrix import given_pose
from sparse3d.structures.own_results import holds_own
from sparse3d.structures.result_files import ResultFormat, register_results
from sparse3d.structures.tracks import id_text
from sparse3d.transforms.text_files import read_json

CLASSES = ('car', 'truck', 'construction_vehicle', 'bus', 'trailer', 'barrier', 'motorcycle',
           'bicycle', 'pedestrian', 'traffic_cone')
MAX_BOXES = 500         # per sample, a rule of the benchmark
FARTHEST = 300.0        # of a sample's nearest box from the vehicle [m]; sensors see 100 m
MOVING = 0.2            # speed from which something counts as moving [m/s]
MODALITIES = ('use_camera', 'use_lidar', 'use_radar', 'use_map', 'use_external')
_CYCLES, _OTHERS = ('bicycle', 'motorcycle'), ('traffic_cone', 'barrier')


def sample_boxes(token: str, boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray,
                 classes: Sequence[str], lidar2global: np.ndarray,
                 attributes: Sequence[str] | None = None,
                 track_ids: Sequence[int] | np.ndarray | None = None) -> list[dict]:
    """Records of one sample for a submission: the best 500, in the order given.

    Boxes with numbers that are not finite (velocities excepted) are left out: the devkit
    would refuse all of the file.

    Args:
        token: of the sample.
        boxes: (N, 7) x, y, z_bottom, dx, dy, dz, yaw in the LiDAR frame, or (N, 9) with
            vx, vy; without velocities things count as standing still.
        scores: (N,).
        labels: (N,) rows of ``classes``.
        lidar2global: (4, 4) of the key frame.
        attributes: (N,) names; by default they follow from class and speed, by the rule
            that mmdet3d uses.
        track_ids: (N,) which boxes of other samples are the same object, by a detector that
            knows; written beside as ``tracking_id``, which the devkit passes over.
    """
    if not len(scores):
        return []
    boxes = np.asarray(boxes, dtype=np.float64).reshape(len(scores), -1)
    if boxes.shape[1] not in (7, 9):
        raise DataError(f'boxes of sample {token} have {boxes.shape[1]} numbers; they need 7, or '
                        f'9 with velocities')
    finite = np.isfinite(boxes[:, :7]).all(axis=1) & np.isfinite(scores)
    finite &= (boxes[:, 3:6] > 0).all(axis=1)
    rows = np.flatnonzero(finite)
    best = rows[np.argsort(-np.asarray(scores)[rows], kind='stable')][:MAX_BOXES]
    rows = np.sort(best)  # the benchmark breaks ties by order
    if not len(rows):
        return []
    lidar2global = np.asarray(lidar2global, dtype=np.float64)
    translation, size, rotation = lidar_to_nuscenes(boxes[rows, :7], lidar2global)
    velocity = _velocities(boxes[rows], lidar2global)
    names = [classes[int(label)] for label in np.asarray(labels)[rows]]
    moving = np.hypot(velocity[:, 0], velocity[:, 1]) > MOVING
    columns = (item.tolist() for item in (rows, translation, size, rotation, velocity, moving))
    return [dict(
        sample_token=token, translation=center, size=lengths, rotation=turn, velocity=speed,
        detection_name=name, detection_score=float(scores[row]),
        attribute_name=attributes[row] if attributes is not None else _usual(name, moves),
        **({} if track_ids is None else {'tracking_id': str(track_ids[row])}))
        for name, row, center, lengths, turn, speed, moves in zip(names, *columns, strict=True)]


def guess_attribute(name: str, velocity: np.ndarray) -> str:
    """The attribute that a class most often has when it moves like this."""
    return _usual(name, bool(np.hypot(*velocity) > MOVING))


def _usual(name: str, moving: bool) -> str:
    if name in _OTHERS:
        return ''
    if name == 'pedestrian':
        return 'pedestrian.moving' if moving else 'pedestrian.standing'
    if name in _CYCLES:
        return 'cycle.with_rider' if moving else 'cycle.without_rider'
    if moving:
        return 'vehicle.moving'
    return 'vehicle.stopped' if name == 'bus' else 'vehicle.parked'


def make_submission(results: Mapping[str, list[dict]], modality: Mapping[str, bool]) -> dict:
    """The content of a submission file.

    Args:
        results: records by sample token, see :func:`sample_boxes`.
        modality: which of ``use_camera``, ``use_lidar``, ... are true.
    """
    meta = {key: bool(modality.get(key, False)) for key in MODALITIES}
    return dict(meta=meta, results=dict(results))


def write_nuscenes_submission(submission: Mapping, path: str | os.PathLike) -> None:
    """Write a submission file as a whole or not at all.

    Raises:
        DataError: if it cannot be written.
    """
    path = Path(path)
    try:
        make_folder(path.parent)
    except OSError as error:
        raise DataError(f'the folder {path.parent} for the submission cannot be made: '
                        f'{error.strerror}') from error
    write_bytes_atomically(path, json.dumps(submission).encode())


def _velocities(boxes: np.ndarray, lidar2global: np.ndarray) -> np.ndarray:
    """vx, vy [N, 2] in the global frame."""
    if boxes.shape[1] == 7:
        return np.zeros((len(boxes), 2))
    flat = np.column_stack([boxes[:, 7:9], np.zeros(len(boxes))])
    return (flat @ lidar2global[:3, :3].T)[:, :2]


def to_nuscenes(detections: Detections, sample_token: str = '',
                lidar2global: np.ndarray | None = None,
                names: Mapping[str, str | None] | None = None) -> list[dict]:
    """Entries as the devkit reads them and ``tools/test.py`` writes them: at most 500, with
    guessed attributes; without a pose in the LiDAR frame. See :func:`sample_boxes`.

    Args:
        names: nuScenes' names of own classes; None leaves the detections of a class out.

    Raises:
        DataError: for detections of a class that nuScenes does not have: the devkit refuses a file
            with a single one.
    """
    meant = [(names or {}).get(name, name) for name in detections.class_names]
    detections = detections[np.array([meant[label] is not None for label in detections.labels],
                                     dtype=bool)]
    unknown = next((name for name, label in zip(detections.names, detections.labels, strict=True)
                    if meant[label] not in CLASSES), None)
    if unknown is not None:
        as_given = meant[detections.class_names.index(unknown)]
        raise DataError(f'the class {as_given!r} is none of nuScenes, whose devkit refuses a file '
                        f'with it: give names={{{unknown!r}: one of {", ".join(CLASSES)}, or None '
                        f'to leave it out}}')
    return sample_boxes(sample_token, detections.boxes_3d, detections.scores, detections.labels,
                        [str(name) for name in meant],
                        np.eye(4) if lidar2global is None
                        else given_pose(lidar2global, 'lidar2global'))


def from_nuscenes(entries: Sequence[Mapping], class_names: Sequence[str],
                  lidar2global: np.ndarray | None = None) -> Detections:
    """The inverse of :func:`to_nuscenes`; entries of a tracking result are taken as well.

    Velocities may be absent (unknown, NaN) or have a third number, which is left out.

    Raises:
        DataError: naming the entry and its key, or the class.
    """
    matrix = np.eye(4) if lidar2global is None else given_pose(lidar2global, 'lidar2global')
    columns = [np.array([_numbers(entry, row, key, width) for row, entry in enumerate(entries)],
                        np.float64).reshape(-1, width)
               for key, width in (('translation', 3), ('size', 3), ('rotation', 4))]
    velocity = np.array([_velocity(entry, row) for row, entry in enumerate(entries)],
                        np.float64).reshape(-1, 2)
    boxes = nuscenes_to_lidar(*columns, matrix)
    flat = np.column_stack([velocity, np.zeros(len(boxes))]) @ matrix[:3, :3]
    names = [str(_named(entry, row, 'name')) for row, entry in enumerate(entries)]
    scores = [finite_number(_named(entry, row, 'score'), f'the score of entry {row}')
              for row, entry in enumerate(entries)]
    return Detections.from_lists(np.column_stack([boxes, flat[:, :2]]), scores, names, class_names)


def _named(entry: Mapping, row: int, what: str) -> Any:
    """Name or score of an entry of the detection or of the tracking task."""
    keys = f'detection_{what}', f'tracking_{what}'
    for key in keys:
        if isinstance(entry, Mapping) and key in entry:
            return entry[key]
    raise DataError(f'entry {row} of the nuScenes results has neither {keys[0]} nor {keys[1]}')


def _numbers(entry: Mapping, row: int, key: str, width: int) -> list[float]:
    value = entry.get(key) if isinstance(entry, Mapping) else None
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != width:
        raise DataError(f'{key} of entry {row} of the nuScenes results is {value!r:.60}, not '
                        f'{width} numbers')
    numbers = [finite_number(number, f'{key} of entry {row}') for number in value]
    if key == 'size' and min(numbers) <= 0:
        raise DataError(f'size of entry {row} is {numbers}; width, length and height have to be '
                        f'more than 0 m')
    if key == 'rotation' and not 0.99 < np.linalg.norm(numbers) < 1.01:
        raise DataError(f'rotation of entry {row} is {numbers}, no turn: a quaternion w, x, y, z '
                        f'has the length 1')
    return numbers


def _velocity(entry: Mapping, row: int) -> list[float]:
    value = entry.get('velocity')
    if value is None:
        return [np.nan, np.nan]
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) not in (2, 3):
        raise DataError(f'velocity of entry {row} of the nuScenes results is {value!r:.60}, not '
                        f'2 numbers')
    return [finite_number(number, name)
            for number, name in zip(value[:2], ('vx', 'vy'), strict=True)]


def open_json(path: Path) -> Callable[[Mapping], Detections | None]:
    """Results of the detection or the tracking task (JSON), boxes in the global frame.

    Raises:
        DataError: if the file is damaged or another one.
    """
    content = read_json(path)
    results = content.get('results') if isinstance(content, dict) else None
    if not isinstance(results, dict):
        raise DataError(f'{path} holds no results of nuScenes: it has no table "results"')

    unread = set(results)

    def of_sample(info: Mapping) -> Detections | None:
        token, matrix = info['token'], info['lidar2global']
        if token not in results:
            return None
        unread.discard(token)
        try:
            found = of_records(_list_of(results[token], token), matrix)
            _refuse_other_frame(found)
            return found
        except DataError as error:
            raise DataError(f'{path}, sample {token}: {error}') from error
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f'{path}: an entry of sample {token} is damaged '
                            f'({type(error).__name__}: {error})') from error

    of_sample.unread = unread
    return of_sample


def of_records(records: Sequence[Mapping], lidar2global: np.ndarray) -> Detections:
    """The detections of a sample as a submission of the detection or the tracking task has them,
    with ids where all have one.

    Raises:
        DataError: as :func:`from_nuscenes`.
    """
    entries = [_as_detection(entry) for entry in records]
    names = sorted({entry['detection_name'] for entry in entries})
    found = from_nuscenes(entries, names, lidar2global)
    if entries and all('tracking_id' in entry for entry in entries):
        found = replace(found, track_ids=[id_text(entry['tracking_id']) for entry in entries])
    return found


def _list_of(entries: Any, token: str) -> list:
    """The entries of a sample, each of this sample."""
    if not isinstance(entries, list):
        raise DataError(f'its entries are a {type(entries).__name__}, not a list')
    for row, entry in enumerate(entries):
        own = entry.get('sample_token', token) if isinstance(entry, Mapping) else token
        if own != token:
            raise DataError(f'entry {row} is of another sample by its sample_token, {own!r:.60}')
    return entries


def _refuse_other_frame(found: Detections) -> None:
    """Boxes in the frame of the LiDAR or of the vehicle lie far off once they are moved there."""
    distances = np.hypot(*found.boxes_3d[:, :2].T)
    if len(distances) and distances.min() > FARTHEST:
        raise DataError(f'the nearest of its {len(distances)} boxes lies {distances.min():,.0f} m '
                        f'from the vehicle: boxes have to be in the global frame, as those of the '
                        f'devkit are, not in that of a sensor')


def _as_detection(entry: Mapping) -> dict:
    """An entry of the tracking task under the names of the detection task."""
    if 'tracking_name' not in entry:
        return dict(entry)
    return dict(entry, detection_name=entry['tracking_name'],
                detection_score=entry['tracking_score'])


register_results('nuscenes', ResultFormat(
    'detection or tracking results of nuScenes (.json)',
    lambda path: path.is_file() and path.suffix.lower() == '.json' and not holds_own(path),
    open_json))
register_format('nuscenes', to_nuscenes, from_nuscenes)
