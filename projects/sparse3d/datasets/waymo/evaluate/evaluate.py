"""Waymo's 3D detection benchmark: AP and APH by level, type and range."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sparse3d.datasets.waymo.evaluate.average_precision import average_precision, make_curve
from sparse3d.datasets.waymo.evaluate.breakdowns import Breakdown, breakdowns
from sparse3d.datasets.waymo.evaluate.ious import Pairs, pairs_by_blocks
from sparse3d.datasets.waymo.evaluate.matching import (
    CUTOFFS,
    HEADING,
    MATCHED,
    MATCHED_EXCUSED,
    MATCHED_LEVEL_1,
    count_matches,
    last_cutoff,
)
from sparse3d.datasets.waymo.evaluate.objects import TYPES, WaymoObjects
from sparse3d.datasets.waymo.evaluate.result import WaymoResult
from sparse3d.errors import ConfigError
from sparse3d.structures.box_conversions import wrap_angle

CLASSES = ('Vehicle', 'Pedestrian', 'Cyclist')
IOU_THRESHOLDS = dict(Vehicle=0.7, Pedestrian=0.5, Sign=0.5, Cyclist=0.5)
LEVELS = (1, 2)


def evaluate_waymo(
        predictions: WaymoObjects | Mapping | Sequence[Mapping],
        ground_truth: WaymoObjects | Mapping | Sequence[Mapping],
        classes: Sequence[str] = CLASSES,
        *,
        iou_type: str = '3d',
) -> WaymoResult:
    """Evaluate detections with the rules of the official tool at its default settings.

    Either side is one table of all frames (a dict of arrays, see
    :meth:`WaymoObjects.from_arrays`: ``frame, box, type, score`` and, of ground truth,
    ``num_points`` and ``difficulty``) or a list with such a dict without ``frame`` for
    each frame. Boxes have their geometric center as reference (Waymo's convention, not
    that of mmdet3d), in the vehicle frame, meters and radians.

    Counts are those of the official tool. It computes in float32, and so are the ratios
    and areas here; its sum of heading accuracies is float32 too, so APH may differ in
    the seventh digit.

    Precision is looked at only at the cut-offs 0, 0.01, ..., 1: scores have to be spread
    over that interval.

    Args:
        classes: of Vehicle, Pedestrian, Sign and Cyclist.
        iou_type: ``'3d'``, or ``'bev'`` for boxes in BEV.

    Raises:
        DataError: for unusable arrays.
        ConfigError: for an unknown class or overlap.

    Source: Waymo Open Dataset (Sun et al., CVPR 2020), section 5; rules as in the
    released metrics library, version 1.6.
    """
    _check_settings(classes, iou_type)
    pred, gt = _objects(predictions, 'predictions'), _objects(ground_truth, 'ground truth')
    pred, gt = _ordered(pred, gt)
    if iou_type == 'bev':
        pred, gt = _flat(pred), _flat(gt)
    divisions = breakdowns(classes)
    shards = [(division.shards(gt), division.shards(pred)) for division in divisions]
    counts = _count_all(gt, pred, divisions, shards, iou_type)
    result = WaymoResult()
    for division, (gt_shard, pred_shard), matched in zip(divisions, shards, counts,
                                                         strict=True):
        _record(result, division, gt, gt_shard, pred, pred_shard, matched)
    _average_over_classes(result, classes)
    result.notes += _notes(result, classes, pred)
    return result


def _check_settings(classes: Sequence[str], iou_type: str) -> None:
    for name in classes:
        if name not in TYPES:
            raise ConfigError(f'Waymo has no class {name!r}; it has {", ".join(TYPES)}')
    if iou_type not in ('3d', 'bev'):
        raise ConfigError(f"overlap is '3d' or 'bev', not {iou_type!r}")


def _objects(values, role: str) -> WaymoObjects:
    if isinstance(values, WaymoObjects):
        return values
    if isinstance(values, Mapping):
        return WaymoObjects.from_arrays(values, role)
    return WaymoObjects.from_frames(values, role)


def _ordered(pred: WaymoObjects, gt: WaymoObjects) -> tuple[WaymoObjects, WaymoObjects]:
    """Both sorted by frame and type, with frames counted from 0."""
    keys, place = np.unique(np.concatenate([pred.frame, gt.frame]), return_inverse=True)
    ordered = []
    for objects, rank in ((pred, place[:len(pred)]), (gt, place[len(pred):])):
        order = np.argsort(rank * 8 + objects.type, kind='stable')
        ordered.append(replace(objects, frame=rank).select(order))
    return ordered[0], ordered[1]


def _flat(objects: WaymoObjects) -> WaymoObjects:
    """Boxes on the ground: a two-dimensional box has no z, for its range either."""
    return replace(objects, box=objects.box * [1, 1, 0, 1, 1, 1, 1])


def _count_all(
        gt: WaymoObjects, pred: WaymoObjects, divisions: Sequence[Breakdown],
        shards: Sequence[tuple[np.ndarray, np.ndarray]], iou_type: str,
) -> list[np.ndarray]:  # [S, 101, 4] for each division
    """Matches of all frames; the overlaps are computed once for all divisions."""
    thresholds = np.full(8, np.inf)
    for name in divisions[0].classes:
        thresholds[TYPES[name]] = IOU_THRESHOLDS[name]
    counts = [np.zeros((len(division.names), len(CUTOFFS), 4)) for division in divisions]
    cutoff = last_cutoff(pred.score)
    for pairs in pairs_by_blocks(gt, pred, thresholds, iou_type):
        accuracy = _heading_accuracy(gt, pred, pairs)
        for (gt_shard, pred_shard), total in zip(shards, counts, strict=True):
            shard = gt_shard[pairs.gt]
            shard = np.where(shard == pred_shard[pairs.pred], shard, -1)
            count_matches(pairs, accuracy, shard, gt.difficulty, cutoff,
                          pred.overlaps_no_label_zone, total)
    return counts


def _heading_accuracy(gt: WaymoObjects, pred: WaymoObjects, pairs: Pairs) -> np.ndarray:
    turn = wrap_angle(gt.box[pairs.gt, 6] - pred.box[pairs.pred, 6])
    return 1 - np.abs(turn) / np.pi


def _record(result: WaymoResult, division: Breakdown, gt: WaymoObjects,
            gt_shard: np.ndarray, pred: WaymoObjects, pred_shard: np.ndarray,
            matched: np.ndarray) -> None:
    counted = ~pred.overlaps_no_label_zone
    cutoff = last_cutoff(pred.score)
    for index, name in enumerate(division.names):
        reported = _reaching(cutoff[(pred_shard == index) & counted])
        wrong = reported - matched[index, :, MATCHED] + matched[index, :, MATCHED_EXCUSED]
        levels = gt.difficulty[gt_shard == index]
        for level in LEVELS:
            number = int((levels <= level).sum())
            seen = matched[index, :, MATCHED if level == 2 else MATCHED_LEVEL_1]
            curve = make_curve(np.round(matched[index, :, MATCHED]), np.round(wrong),
                               np.round(number - seen), matched[index, :, HEADING])
            result.curves[name, level] = curve
            result.num_gt[name, level] = number
            result.average_precision[f'{name}_L{level}_AP'] = average_precision(
                curve.precision, curve.recall)
            result.average_precision[f'{name}_L{level}_APH'] = average_precision(
                curve.heading_precision, curve.recall)


def _reaching(cutoff: np.ndarray) -> np.ndarray:  # [101]
    """How many of these detections reach each cut-off."""
    last = np.bincount(cutoff[cutoff >= 0], minlength=len(CUTOFFS))
    return last[::-1].cumsum()[::-1]


def _average_over_classes(result: WaymoResult, classes: Sequence[str]) -> None:
    present = [name for name in classes if result.num_gt[name, 2]]
    if len(classes) < 2 or not present:
        return
    for level in LEVELS:
        for kind in ('AP', 'APH'):
            result.average_precision[f'Overall_L{level}_{kind}'] = float(np.mean(
                [result.average_precision[f'{name}_L{level}_{kind}'] for name in present]))


def _notes(result: WaymoResult, classes: Sequence[str], pred: WaymoObjects) -> list[str]:
    notes = []
    for name in classes:
        if not result.num_gt[name, 2]:
            notes.append(f'there is no ground truth for class {name}: its 0 says nothing')
        elif not (pred.type == TYPES[name]).any():
            notes.append(f'there is no detection of class {name}')
    if len(pred) and pred.score.max() < CUTOFFS[1]:
        notes.append('no score reaches 0.01: precision is looked at only at the cut-offs '
                     '0, 0.01, ..., 1, so spread the scores over that interval')
    return notes
