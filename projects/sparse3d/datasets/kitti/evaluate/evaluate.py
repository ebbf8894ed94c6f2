"""KITTI's object detection benchmark: image, orientation, bird's-eye-view and 3D AP."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sparse3d.datasets.kitti.evaluate.annotations import UNKNOWN_ALPHA, KittiObjects
from sparse3d.datasets.kitti.evaluate.average_precision import (
    Curves,
    average_precision,
    precision_curves,
)
from sparse3d.datasets.kitti.evaluate.ious import PairwiseIoUs, compute_ious
from sparse3d.datasets.kitti.evaluate.matching import DIFFICULTIES
from sparse3d.datasets.kitti.evaluate.result import KittiResult, result_key
from sparse3d.errors import ConfigError, DataError

CLASSES = ('Car', 'Pedestrian', 'Cyclist')
# A match overlaps by more than this: in the image, in BEV, in space.
_LARGE = dict(strict=(0.7, 0.7, 0.7), loose=(0.7, 0.5, 0.5))
_SMALL = dict(strict=(0.5, 0.5, 0.5), loose=(0.5, 0.25, 0.25))
IOU_THRESHOLDS = dict(Car=_LARGE, Van=_LARGE, Truck=_LARGE, Tram=_LARGE, Pedestrian=_SMALL,
                      Person_sitting=_SMALL, Cyclist=_SMALL)


class _Metric(NamedTuple):
    name: str        # in keys and tables
    iou_index: int   # image, BEV, 3D
    angle: str       # what its similarity compares
    similarity: str  # name of the heading-weighted metric


METRICS = (_Metric('2D', 0, 'alpha', 'AOS'), _Metric('BEV', 1, 'rotation_y', 'AHS_BEV'),
           _Metric('3D', 2, 'rotation_y', 'AHS_3D'))


def evaluate_kitti(
        predictions: Sequence[KittiObjects | Mapping],
        ground_truth: Sequence[KittiObjects | Mapping],
        classes: Sequence[str] = CLASSES,
        *,
        minimum_height_counts: bool = False,
        heading_similarity: bool = False,
) -> KittiResult:
    """Evaluate detections frame by frame, equal to the official C++ code.

    Frames are :class:`KittiObjects` or dicts of arrays with the same keys (the layout
    of mmdet3d's annotations: dimensions are length, height, width); frame i of one
    list belongs to frame i of the other. Ground truth has to contain all objects, of
    the neighboring classes and DontCare too.

    AOS is left out, as in the official code, if any detection has alpha -10. A class
    without ground truth or without detections gets 0 and a note.

    Args:
        classes: names to evaluate, of ``IOU_THRESHOLDS``.
        minimum_height_counts: whether an object exactly as high as the minimum of its
            difficulty counts. False is the rule of the present server and of mmdet3d.
        heading_similarity: also give AHS_BEV and AHS_3D, the precision in BEV and
            in space weighted by the similarity of the headings.

    Raises:
        DataError: if the numbers of frames differ, or a frame has unusable arrays.
        ConfigError: for a class whose overlap threshold KITTI does not define.

    Source: KITTI object development kit; AP_R40 of Simonelli et al. (ICCV 2019).
    """
    for name in classes:
        if name not in IOU_THRESHOLDS:
            raise ConfigError(f'KITTI has no overlap threshold for the class {name!r}; '
                              f'it has for {", ".join(IOU_THRESHOLDS)}')
    if len(predictions) != len(ground_truth):
        raise DataError(f'{len(predictions)} frames of predictions cannot be compared with '
                        f'{len(ground_truth)} frames of ground truth')
    pred = _frames(predictions, 'predictions')
    gt = _frames(ground_truth, 'ground truth')
    overlaps = compute_ious(
        KittiObjects.concatenate(gt), [len(frame) for frame in gt],
        KittiObjects.concatenate(pred), [len(frame) for frame in pred])
    return _evaluate(KittiObjects.concatenate(pred), KittiObjects.concatenate(gt), overlaps,
                     classes, minimum_height_counts, heading_similarity)


def _frames(frames: Sequence[KittiObjects | Mapping], role: str) -> list[KittiObjects]:
    return [frame if isinstance(frame, KittiObjects)
            else KittiObjects.from_arrays(frame, f'frame {row} of the {role}')
            for row, frame in enumerate(frames)]


def _evaluate(
        detections: KittiObjects, gt: KittiObjects, ious: PairwiseIoUs,
        classes: Sequence[str], minimum_height_counts: bool, heading_similarity: bool,
) -> KittiResult:
    result = KittiResult()
    similarities = ['AOS'] if (detections.alpha != UNKNOWN_ALPHA).all() else []
    similarities += ['AHS_BEV', 'AHS_3D'] if heading_similarity else []
    for wanted in classes:
        for strictness, thresholds in IOU_THRESHOLDS[wanted].items():
            for level, difficulty in enumerate(DIFFICULTIES):
                for metric in METRICS:
                    curves = precision_curves(
                        gt, detections, ious[metric.iou_index], thresholds[metric.iou_index],
                        wanted, level, metric.angle,
                        ious.dontcare if metric.iou_index == 0 else None,
                        minimum_height_counts)
                    _record(result, (wanted, metric, strictness, difficulty), curves,
                            similarities)
    _average_over_classes(result, classes)
    result.notes += _notes(result, detections, classes, similarities)
    return result


def _record(result: KittiResult, case: tuple[str, _Metric, str, str], curves: Curves,
            similarities: Sequence[str]) -> None:
    wanted, metric, strictness, difficulty = case
    result.num_gt[wanted, difficulty] = curves.num_gt
    kinds = {metric.name: curves.precision}
    if metric.similarity in similarities:
        kinds[metric.similarity] = curves.similarity
    for kind, curve in kinds.items():
        result.curves[wanted, kind, strictness, difficulty] = curve
        for points in (40, 11):
            key = result_key(wanted, kind, points, difficulty, strictness)
            result.average_precision[key] = average_precision(curve, points)


def _average_over_classes(result: KittiResult, classes: Sequence[str]) -> None:
    present = [name for name in classes if result.num_gt[name, 'hard']]
    if len(classes) < 2 or not present:
        return
    for _, kind, strictness, difficulty in list(result.curves):
        for points in (40, 11):
            values = [result.average_precision[result_key(name, kind, points, difficulty,
                                                          strictness)] for name in present]
            key = result_key('Overall', kind, points, difficulty, strictness)
            result.average_precision[key] = float(np.mean(values))


def _notes(result: KittiResult, detections: KittiObjects, classes: Sequence[str],
           similarities: Sequence[str]) -> list[str]:
    notes = []
    detected = set(np.char.lower(detections.name).tolist())
    for name in classes:
        counts = [result.num_gt[name, difficulty] for difficulty in DIFFICULTIES]
        if not counts[-1]:
            notes.append(f'there is no ground truth for class {name}: its 0 says nothing')
        elif name.lower() not in detected:
            notes.append(f'there is no detection of class {name}')
        if 0 < counts[-1] and counts[0] < 41:
            caps = '/'.join(f'{min(max(count - 1, 0), 40) / 0.4:.1f}' for count in counts)
            notes.append(f'too few ground truths of class {name} for all recall points: '
                         f'AP_R40 cannot exceed {caps}')
    if len(detections) and 'AOS' not in similarities:
        notes.append('AOS is left out: a detection has alpha -10 (unknown)')
    return notes
