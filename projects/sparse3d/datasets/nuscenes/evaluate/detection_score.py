"""nuScenes' detection score from columns of boxes.

The rules are those of the benchmark (https://www.nuscenes.org/object-detection, configuration
``detection_cvpr_2019``), the numbers those of nuscenes-devkit 1.2.0 to 1e-9, which the tests hold
beside these. Matching is by distance of the centers in BEV, see
:mod:`sparse3d.metrics.center_distance_matching`.
"""
from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from sparse3d.datasets.nuscenes.categories import CLASSES
from sparse3d.datasets.nuscenes.evaluate.box_columns import BoxColumns
from sparse3d.errors import ConfigError, DataError
from sparse3d.metrics.center_distance_matching import match_centers

TRUE_POSITIVE_ERRORS = ('trans_err', 'scale_err', 'orient_err', 'vel_err', 'attr_err')
_RECALLS = np.linspace(0, 1, 101)
_RANGES = {'car': 50, 'truck': 50, 'bus': 50, 'trailer': 50, 'construction_vehicle': 50,
           'pedestrian': 40, 'motorcycle': 40, 'bicycle': 40, 'traffic_cone': 30, 'barrier': 30}
# What is not defined of a class: cones look alike from all sides, neither of the two moves.
_UNDEFINED = {'traffic_cone': {'attr_err', 'vel_err', 'orient_err'},
              'barrier': {'attr_err', 'vel_err'}}


@dataclass(frozen=True)
class DetectionRules:
    """The settings of a benchmark, by the devkit's names.

    Attributes:
        class_range: how far from the vehicle a class counts [m].
        dist_ths: distances below which a detection may match an object [m].
        dist_th_tp: the one of them at which the errors are taken.
        min_recall: recalls up to this one, and
        min_precision: precisions below this one do not count.
        max_boxes_per_sample: detections that a sample may have.
        mean_ap_weight: of mAP in NDS; each of the five errors has weight 1.
    """

    class_range: Mapping[str, float] = field(default_factory=lambda: dict(_RANGES))
    dist_ths: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    dist_th_tp: float = 2.0
    min_recall: float = 0.1
    min_precision: float = 0.1
    max_boxes_per_sample: int = 500
    mean_ap_weight: float = 5

    def as_dict(self) -> dict:
        """As the devkit writes them."""
        return dict(class_range=dict(self.class_range), dist_fcn='center_distance',
                    dist_ths=list(self.dist_ths), dist_th_tp=self.dist_th_tp,
                    min_recall=self.min_recall, min_precision=self.min_precision,
                    max_boxes_per_sample=self.max_boxes_per_sample,
                    mean_ap_weight=self.mean_ap_weight)

    def ranges(self) -> np.ndarray:
        """Range of each of ``CLASSES`` [m]."""
        return np.array([self.class_range[name] for name in CLASSES], dtype=np.float64)


RULES = {'detection_cvpr_2019': DetectionRules()}


def rules_named(config: str) -> DetectionRules:
    """The rules of a configuration of the benchmark.

    Raises:
        ConfigError: for a name that is none.
    """
    if config not in RULES:
        raise ConfigError(f'{config!r} is no configuration of nuScenes\' detection benchmark; '
                          f'there is {", ".join(RULES)}')
    return RULES[config]


def detection_score(pred: BoxColumns, gt: BoxColumns, rules: DetectionRules) -> dict:
    """mAP, NDS and errors of boxes that are within range.

    Returns:
        What the devkit writes to ``metrics_summary.json``: ``label_aps`` (by class and
        distance), ``mean_dist_aps``, ``mean_ap``, ``label_tp_errors``, ``tp_errors``,
        ``tp_scores``, ``nd_score``, ``eval_time`` [s] and ``cfg``.

    Raises:
        DataError: for a size that is not above 0, or scores below 0.
    """
    start = time.perf_counter()
    label_aps: dict[str, dict[float, float]] = {}
    label_errors: dict[str, dict[str, float]] = {}
    for name in rules.class_range:
        curves = _of_class(name, pred, gt, rules)
        label_aps[name] = {distance: _average_precision(curve['precision'], rules)
                           for distance, curve in curves.items()}
        label_errors[name] = {
            error: np.nan if error in _UNDEFINED.get(name, ()) else _mean_error(
                curves[rules.dist_th_tp], error, rules.min_recall)
            for error in TRUE_POSITIVE_ERRORS}
    mean_dist_aps = {name: float(np.mean(list(aps.values()))) for name, aps in label_aps.items()}
    mean_ap = float(np.mean(list(mean_dist_aps.values())))
    errors = {error: float(np.nanmean([label_errors[name][error] for name in label_errors]))
              for error in TRUE_POSITIVE_ERRORS}
    scores = {error: max(0.0, 1.0 - value) for error, value in errors.items()}
    weight = float(rules.mean_ap_weight)
    nd_score = float(weight * mean_ap + np.sum(list(scores.values()))) / (weight + len(scores))
    return dict(label_aps=label_aps, mean_dist_aps=mean_dist_aps, mean_ap=mean_ap,
                label_tp_errors=label_errors, tp_errors=errors, tp_scores=scores,
                nd_score=nd_score, eval_time=time.perf_counter() - start, cfg=rules.as_dict())


def detection_curves(pred: BoxColumns, gt: BoxColumns, rules: DetectionRules,
                     ) -> dict[str, dict[str, np.ndarray]]:
    """Curves over the recalls 0, 0.01, ..., 1 by ``'car:0.5'`` and so on.

    Returns:
        What the devkit writes to ``metrics_details.json``: arrays (101,) ``recall``,
        ``precision``, ``confidence`` and the running means of the five errors.
    """
    return {f'{name}:{distance}': curve for name in rules.class_range
            for distance, curve in _of_class(name, pred, gt, rules).items()}


def _of_class(name: str, pred: BoxColumns, gt: BoxColumns, rules: DetectionRules,
              ) -> dict[float, dict[str, np.ndarray]]:
    """The curves of a class by distance."""
    label = CLASSES.index(name)
    pred, gt = pred.select(pred.label == label), gt.select(gt.label == label)
    pred = pred.select(np.argsort(pred.score, kind='stable')[::-1])  # of ties, the later first
    found = match_centers(pred.sample, pred.center, gt.sample, gt.center, rules.dist_ths)
    return {distance: _curves(name, pred, gt, rows)
            for distance, rows in zip(rules.dist_ths, found, strict=True)}


def _curves(name: str, pred: BoxColumns, gt: BoxColumns,
            rows: np.ndarray) -> dict[str, np.ndarray]:
    """The curves for detections, best first, that found the objects ``rows`` (-1 for none)."""
    matched = rows >= 0
    recalls = len(_RECALLS)
    if not matched.any():
        return dict(recall=_RECALLS, precision=np.zeros(recalls), confidence=np.zeros(recalls),
                    **{error: np.ones(recalls) for error in TRUE_POSITIVE_ERRORS})
    true = np.cumsum(matched).astype(np.float64)
    false = np.cumsum(~matched).astype(np.float64)
    recall = true / float(len(gt))
    confidence = np.interp(_RECALLS, recall, pred.score, right=0)
    if (np.diff(confidence) > 0).any():
        raise DataError(f'a {name} has a score below 0: nuScenes takes 0 for the end of what was '
                        f'found; give scores between 0 and 1')
    errors = _true_positive_errors(name, pred.select(matched), gt.select(rows[matched]))
    # Turned round twice: np.interp wants ascending scores.
    by_recall = {error: np.interp(confidence[::-1], pred.score[matched][::-1],
                                  _running_mean(values)[::-1])[::-1]
                 for error, values in errors.items()}
    return dict(recall=_RECALLS, confidence=confidence, **by_recall,
                precision=np.interp(_RECALLS, recall, true / (false + true), right=0))


def _average_precision(precision: np.ndarray, rules: DetectionRules) -> float:
    counted = precision[round(100 * rules.min_recall) + 1:] - rules.min_precision
    return float(np.mean(np.maximum(counted, 0))) / (1.0 - rules.min_precision)


def _mean_error(curve: dict[str, np.ndarray], error: str, min_recall: float) -> float:
    """Mean of an error over the recalls reached; 1 if there are none above ``min_recall``."""
    first = round(100 * min_recall) + 1
    reached = np.flatnonzero(curve['confidence'])
    if not len(reached) or reached[-1] < first:
        return 1.0
    return float(np.mean(curve[error][first:reached[-1] + 1]))


def _running_mean(values: np.ndarray) -> np.ndarray:
    """Mean of the known values up to each; 0 before the first, 1 if none is known."""
    known = ~np.isnan(values)
    if not known.any():
        return np.ones(len(values))
    return np.nancumsum(values) / np.maximum(np.cumsum(known), 1)


def _true_positive_errors(name: str, pred: BoxColumns, gt: BoxColumns) -> dict[str, np.ndarray]:
    """Errors of detections with the objects that they found, NaN for unknown."""
    if not ((pred.size > 0).all() and (gt.size > 0).all()):
        raise DataError(f'a {name} has a size that is not above 0')
    volume, common = pred.size.prod(axis=1), np.minimum(pred.size, gt.size).prod(axis=1)
    period = np.pi if name == 'barrier' else 2 * np.pi  # a barrier has no front
    turn = np.abs((gt.yaw - pred.yaw + period / 2) % period - period / 2)
    same = (pred.attribute == gt.attribute).astype(np.float64)
    return dict(
        trans_err=_length(pred.center[:, :2] - gt.center[:, :2]),
        scale_err=1 - common / (volume + gt.size.prod(axis=1) - common),
        orient_err=turn, vel_err=_length(pred.velocity - gt.velocity),
        attr_err=np.where(gt.attribute < 0, np.nan, 1 - same))


def _length(vectors: np.ndarray) -> np.ndarray:
    with np.errstate(invalid='ignore'):
        return np.sqrt((vectors * vectors).sum(axis=1))
