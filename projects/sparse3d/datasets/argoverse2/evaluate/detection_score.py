"""Argoverse 2's detection scores from columns of boxes.

The rules are those of the benchmark, the numbers those of av2 0.3.6 to 1e-9, which the tests
hold beside these. Unlike in other benchmarks a detection belongs to its nearest object before any
threshold is asked, and of the detections of an object only the best-scored may find it.

Source: Wilson et al., Argoverse 2 (NeurIPS Datasets and Benchmarks 2021), section 4.2.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparse3d.datasets.argoverse2.categories import CLASSES
from sparse3d.datasets.argoverse2.evaluate.box_columns import BoxColumns

MEASURES = ('AP', 'ATE', 'ASE', 'AOE', 'CDS')
NO_MATCH = (2.0, 1.0, np.pi)     # ATE [m], ASE, AOE [rad] where nothing was found
_PAIRS_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class DetectionRules:
    """The settings of the benchmark.

    Attributes:
        classes: those that count, in the order of the labels.
        distances: below which a detection may match an object [m].
        error_distance: the one of them at which the errors are taken.
        max_range: 3D distance from the vehicle below which boxes count [m].
        max_detections: per class and sweep.
        num_recalls: samples of the precision.
    """

    classes: tuple[str, ...] = CLASSES
    distances: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    error_distance: float = 2.0
    max_range: float = 150.0
    max_detections: int = 100
    num_recalls: int = 101


@dataclass(frozen=True)
class Assignment:
    """What became of each box, in the order given.

    Attributes:
        dts_evaluated: (N,) which detections count.
        gts_evaluated: (M,) which objects count.
        true_positive: (N, T) by distance.
        errors: (N, 3) ATE, ASE, AOE; ``NO_MATCH`` where none was found, 0 where nothing counts.
        key: (N,) int64 number of the sweep, in the order of log and time.
    """

    dts_evaluated: np.ndarray
    gts_evaluated: np.ndarray
    true_positive: np.ndarray
    errors: np.ndarray
    key: np.ndarray


def detection_score(dts: BoxColumns, gts: BoxColumns, rules: DetectionRules,
                    assignment: Assignment) -> dict[str, dict[str, float]]:
    """AP, ATE, ASE, AOE and CDS by class, and ``AVERAGE_METRICS``, their means over all classes.

    A class without objects counts as one where nothing was found.
    """
    scores = {name: _score_of_class(label, dts, gts, rules, assignment)
              for label, name in enumerate(rules.classes)}
    scores['AVERAGE_METRICS'] = {
        measure: float(np.mean([scores[name][measure] for name in rules.classes]))
        for measure in MEASURES}
    return scores


def assign(dts: BoxColumns, gts: BoxColumns, rules: DetectionRules,
           dts_in_region: np.ndarray, gts_in_region: np.ndarray) -> Assignment:
    """Tie detections to objects.

    Args:
        dts_in_region: (N,) which detections lie where the benchmark looks.
        gts_in_region: (M,) the same of objects.
    """
    dts_sweep, gts_sweep = _sweep_numbers(dts, gts)
    classes = len(rules.classes)
    dts_key, gts_key = dts_sweep * classes + dts.label, gts_sweep * classes + gts.label
    dts_kept = dts_in_region & _counts(dts, rules)
    gts_kept = gts_in_region & _counts(gts, rules) & (gts.num_points > 0)
    order = np.flatnonzero(dts_kept)
    order = order[np.lexsort((-dts.score[order], dts_key[order]))]
    order = order[_ranks(dts_key[order]) < rules.max_detections]
    dts_kept = np.zeros(len(dts), bool)
    dts_kept[order] = True
    rows = np.flatnonzero(gts_kept)
    rows = rows[np.argsort(gts_key[rows], kind='stable')]
    nearest, apart = _nearest(dts_key[order], dts.center[order], gts_key[rows], gts.center[rows])
    claims = np.flatnonzero(nearest >= 0)
    first = claims[np.unique(nearest[claims], return_index=True)[1]]  # the best comes first
    true_positive = np.zeros((len(dts), len(rules.distances)), bool)
    true_positive[order[first]] = apart[first, None] < np.array(rules.distances)
    errors = np.zeros((len(dts), 3))
    # A sweep has something to compare if any object of the class counts in it.
    errors[order[claims]] = NO_MATCH
    found = first[apart[first] < rules.error_distance]
    errors[order[found]] = _errors(dts.select(order[found]), gts.select(rows[nearest[found]]),
                                   apart[found])
    return Assignment(dts_kept, gts_kept, true_positive, errors, dts_sweep)


def _score_of_class(label: int, dts: BoxColumns, gts: BoxColumns, rules: DetectionRules,
                    assignment: Assignment) -> dict[str, float]:
    objects = int((assignment.gts_evaluated & (gts.label == label)).sum())
    rows = np.flatnonzero(assignment.dts_evaluated & (dts.label == label))
    true_positive = assignment.true_positive[rows]
    found = true_positive[:, rules.distances.index(rules.error_distance)]
    errors = np.array(NO_MATCH) if not objects or not found.any() else \
        assignment.errors[rows[found]].mean(axis=0)
    precision = 0.0
    if objects and len(rows):
        # Of equal scores the earlier sweep comes first.
        order = np.lexsort((assignment.key[rows], -dts.score[rows]))
        precision = float(np.mean([
            average_precision(true_positive[order, column], objects, rules.num_recalls)
            for column in range(len(rules.distances))]))
    ate, ase, aoe = errors.tolist()
    goodness = np.mean([1 - ate / rules.error_distance, 1 - ase, 1 - aoe / np.pi])
    return dict(AP=precision, ATE=ate, ASE=ase, AOE=aoe, CDS=float(precision * goodness))


def average_precision(true_positive: np.ndarray, objects: int, num_recalls: int = 101) -> float:
    """Mean of the precision over recalls from 0 to 1, linear between those that are reached.

    Args:
        true_positive: (N,) bool of detections, best first.
        objects: how many there are to be found, at least 1.
    """
    hits = np.cumsum(true_positive)
    precision = hits / (np.arange(1, len(hits) + 1) + np.finfo(np.float64).eps)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    recalls = np.linspace(0, 1, num_recalls)
    return float(np.interp(recalls, hits / objects, envelope, right=0).mean())


def _sweep_numbers(dts: BoxColumns, gts: BoxColumns) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the sweeps of both, rising with log and time."""
    logs = {name: row for row, name in enumerate(sorted({*dts.log.tolist(), *gts.log.tolist()}))}
    log = np.array([logs[name] for part in (dts, gts) for name in part.log.tolist()], np.int64)
    both = np.column_stack([log, np.concatenate([dts.timestamp, gts.timestamp])])
    order = np.lexsort((both[:, 1], both[:, 0]))
    new = np.ones(len(both), bool)
    new[1:] = (np.diff(both[order], axis=0) != 0).any(axis=1)
    numbers = np.empty(len(both), np.int64)
    numbers[order] = np.cumsum(new) - 1
    return numbers[:len(dts)], numbers[len(dts):]


def _counts(boxes: BoxColumns, rules: DetectionRules) -> np.ndarray:
    return (boxes.label >= 0) & (np.linalg.norm(boxes.center, axis=1) < rules.max_range)


def _ranks(keys: np.ndarray) -> np.ndarray:
    """Place of each among those of its key; keys are sorted."""
    return np.arange(len(keys)) - np.searchsorted(keys, keys)


def _nearest(dts_key: np.ndarray, dts_center: np.ndarray, gts_key: np.ndarray,
             gts_center: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row of the nearest object of the same key (-1: none) and its distance [m]; both sorted."""
    start = np.searchsorted(gts_key, dts_key)
    count = np.searchsorted(gts_key, dts_key, side='right') - start
    nearest, apart = np.full(len(dts_key), -1), np.full(len(dts_key), np.inf)
    having = np.flatnonzero(count)
    part = np.cumsum(count[having]) // _PAIRS_AT_ONCE
    for chunk in np.split(having, np.flatnonzero(np.diff(part)) + 1) if len(having) else ():
        sizes = count[chunk]
        first = np.cumsum(sizes) - sizes
        other = np.repeat(start[chunk] - first, sizes) + np.arange(sizes.sum())
        distance = np.linalg.norm(np.repeat(dts_center[chunk], sizes, axis=0) - gts_center[other],
                                  axis=1)
        least = np.minimum.reduceat(distance, first)
        hits = np.flatnonzero(distance == np.repeat(least, sizes))  # of equals the first
        place = hits[np.searchsorted(hits, first)]
        nearest[chunk], apart[chunk] = other[place], least
    return nearest, apart


def _errors(dts: BoxColumns, gts: BoxColumns, apart: np.ndarray) -> np.ndarray:
    """(N, 3) ATE [m], ASE, AOE [rad] of pairs."""
    common = np.minimum(dts.size, gts.size).prod(axis=1)
    union = np.maximum(dts.size, gts.size).prod(axis=1)
    turn = np.abs(dts.yaw() - gts.yaw()) % (2 * np.pi)
    return np.column_stack([apart, 1 - common / union, np.minimum(turn, 2 * np.pi - turn)])
