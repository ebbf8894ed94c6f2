"""nuScenes' detection scores of plain arrays: no tables, no tokens, no files."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sparse3d.datasets.nuscenes.categories import CLASSES
from sparse3d.datasets.nuscenes.evaluate.box_columns import BoxColumns, join_columns
from sparse3d.datasets.nuscenes.evaluate.detection_score import detection_score, rules_named
from sparse3d.datasets.nuscenes.evaluate.evaluate import NuScenesResult, notes_of
from sparse3d.datasets.nuscenes.evaluate.read_boxes import box_columns, that_count
from sparse3d.datasets.nuscenes.results import MAX_BOXES, guess_attribute
from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.box_conversions import lidar_to_nuscenes


def evaluate_nuscenes_boxes(
        predictions: Sequence[Mapping],
        ground_truth: Sequence[Mapping],
        classes: Sequence[str] = CLASSES,
        lidar2ego: np.ndarray | None = None,
        config: str = 'detection_cvpr_2019',
) -> NuScenesResult:
    """Score boxes frame by frame with nuScenes' matching, precision and errors.

    As the official score, but for two things that need the tables: bicycles in bicycle racks
    are not left out, and the frames are those given. Frame i of one list belongs to frame i
    of the other.

    Args:
        predictions: of each frame ``boxes`` (N, 7) x, y, z_bottom, dx, dy, dz, yaw in the LiDAR
            frame, or (N, 9) with vx, vy; ``labels`` (N,) rows of ``classes``, others are left
            out; ``scores`` (N,); optionally ``attributes`` (N,) names, which else follow from
            class and speed.
        ground_truth: likewise without scores; unknown velocities are NaN; optionally
            ``num_points`` (N,): objects with 0 are left out. Without ``attributes`` their
            error is not known, and AAE is 1.
        classes: names in label order.
        lidar2ego: (4, 4); ranges are measured from the vehicle's origin. By default the
            LiDAR's own.
        config: ``'detection_cvpr_2019'``, the only one that the benchmark has.

    Raises:
        ConfigError: for a class that nuScenes does not evaluate, or another configuration.
        DataError: if the numbers of frames or of rows differ, or for numbers that are not finite.
    """
    unknown = [name for name in classes if name not in CLASSES]
    if unknown:
        raise ConfigError(f'nuScenes does not evaluate {", ".join(unknown)}; it does '
                          f'{", ".join(CLASSES)}')
    if len(predictions) != len(ground_truth):
        raise DataError(f'there are {len(predictions)} frames of predictions and '
                        f'{len(ground_truth)} of ground truth')
    rules = rules_named(config)
    matrix = np.eye(4) if lidar2ego is None else np.asarray(lidar2ego, dtype=np.float64)
    pred, gt = (that_count(join_columns(
        [_boxes(frame, number, classes, matrix, predicted) for number, frame in enumerate(frames)]
        or [box_columns([], 0, np.zeros(3), '')]), rules)
        for frames, predicted in ((predictions, True), (ground_truth, False)))
    return NuScenesResult(detection_score(pred, gt, rules), notes_of(gt, rules))


def _boxes(frame: Mapping, number: int, classes: Sequence[str], lidar2ego: np.ndarray,
           predicted: bool) -> BoxColumns:
    labels = np.asarray(frame['labels'], dtype=np.int64)
    boxes = np.asarray(frame['boxes'], dtype=np.float64)
    boxes = boxes.reshape(len(labels), -1) if len(labels) else np.zeros((0, 7))
    for key in ('scores', 'attributes', 'num_points'):
        if key in frame and len(frame[key]) != len(labels):
            raise DataError(f'frame {number} has {len(labels)} labels but {len(frame[key])} {key}')
    if boxes.shape[1] not in (7, 9):
        raise DataError(f'boxes of frame {number} have {boxes.shape[1]} numbers, not 7 or 9')
    rows = np.flatnonzero((labels >= 0) & (labels < len(classes)))
    if predicted:
        best = np.argsort(-np.asarray(frame['scores'])[rows], kind='stable')[:MAX_BOXES]
        rows = rows[np.sort(best)]  # the benchmark breaks ties by order
    translation, size, rotation = (
        item[rows] for item in lidar_to_nuscenes(boxes[:, :7], lidar2ego))
    velocity = np.zeros((len(labels), 3))
    if boxes.shape[1] == 9:
        velocity[:, :2] = boxes[:, 7:]
    velocity = (velocity @ lidar2ego[:3, :3].T)[rows, :2]
    points = frame.get('num_points', [-1] * len(labels))
    records = [dict(
        translation=translation[place], size=size[place], rotation=rotation[place],
        velocity=velocity[place], num_pts=-1 if predicted else int(points[row]),
        detection_name=classes[labels[row]],
        detection_score=float(frame['scores'][row]) if predicted else -1.0,
        attribute_name=_attribute(frame, row, classes[labels[row]], velocity[place], predicted))
        for place, row in enumerate(rows)]
    side = 'predictions' if predicted else 'ground truth'
    return box_columns(records, number, np.zeros(3), f'frame {number} of the {side}')


def _attribute(frame: Mapping, row: int, name: str, velocity: np.ndarray, predicted: bool) -> str:
    if 'attributes' in frame:
        return str(frame['attributes'][row])
    return guess_attribute(name, velocity) if predicted else ''
