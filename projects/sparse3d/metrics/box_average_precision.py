"""Average precision of boxes without the rules of any benchmark: arrays in, numbers out."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from sparse3d.errors import DataError
from sparse3d.ops.rotated_iou import rotated_iou_3d, rotated_iou_bev

RECALLS = 40
KINDS = ('3D', 'BEV')


@dataclass(frozen=True)
class BoxResult:
    """Scores of one evaluation.

    Attributes:
        average_precision: in percent by ``'<class>_<kind>_<iou>'``, and ``'mAP_<kind>_<iou>'``
            over the classes that occur.
        recall: found share of the objects in percent, by the same keys.
        objects: ground truth by class.
        notes: a sentence for each class that cannot be scored.
    """

    average_precision: dict[str, float]
    recall: dict[str, float]
    objects: dict[str, int]
    notes: tuple[str, ...]

    def table(self) -> str:
        """Text with a line for each class and threshold."""
        lines = [f'{"":28s}{"AP":>8s}{"recall":>8s}']
        lines += [f'{name.replace("_", " "):28s}{value:8.2f}{self.recall[name]:8.2f}'
                  for name, value in self.average_precision.items()]
        return '\n'.join([*lines, *self.notes])


def evaluate_boxes(
        predictions: Sequence[Mapping],
        ground_truth: Sequence[Mapping],
        class_names: Sequence[str],
        iou_thresholds: Sequence[float] = (0.3, 0.5, 0.7),
        box_types: Sequence[str] = KINDS,
) -> BoxResult:
    """Average precision at 40 recall positions for each class, threshold and kind of overlap.

    Detections of a class are taken best first over all frames; each finds the free object
    of its frame that it overlaps most, if by at least the threshold. The precision at a
    recall is the best at that recall or beyond.

    Args:
        predictions: for each frame ``boxes`` (N, >= 7) LiDAR frame, bottom centers,
            ``scores`` (N,), ``labels`` (N,).
        ground_truth: for each frame ``boxes`` and ``labels``.
        class_names: of the labels.
        iou_thresholds: thresholds of the intersection over union.
        box_types: ``'3D'``, ``'BEV'``.

    Raises:
        DataError: if the numbers of frames differ, or a score or box is not finite.
    """
    if len(predictions) != len(ground_truth):
        raise DataError(f'{len(predictions)} predicted frames do not go with '
                        f'{len(ground_truth)} labeled ones')
    predictions = [_checked(frame, row, True) for row, frame in enumerate(predictions)]
    ground_truth = [_checked(frame, row, False) for row, frame in enumerate(ground_truth)]
    precisions, recalls, objects, notes = {}, {}, {}, []
    for label, name in enumerate(class_names):
        pred = [_of_class(frame, label) for frame in predictions]
        gt = [_of_class(frame, label)['boxes'] for frame in ground_truth]
        objects[name] = sum(map(len, gt))
        if not objects[name]:
            notes.append(f'no ground truth for class {name}: it is not scored')
            continue
        for kind in box_types:
            pairs = [_ious(one['boxes'], other, kind)
                     for one, other in zip(pred, gt, strict=True)]
            for overlap in iou_thresholds:
                key = f'{name}_{kind}_{overlap:g}'
                precisions[key], recalls[key] = _average_precision(
                    pred, pairs, objects[name], overlap)
    for kind in box_types:
        for overlap in iou_thresholds:
            ending = f'_{kind}_{overlap:g}'
            for values in (precisions, recalls):
                of_classes = [values[f'{name}{ending}'] for name in class_names if objects[name]]
                values[f'mAP{ending}'] = float(np.mean(of_classes)) if of_classes else 0.0
    return BoxResult(precisions, recalls, objects, tuple(notes))


def match_best_first(ious: np.ndarray, iou_threshold: float) -> np.ndarray:
    """Object that each detection of a frame finds, or -1.

    Args:
        ious: [N, M] of detections, best first, with objects.
        iou_threshold: least overlap.
    """
    free = np.ones(ious.shape[1], dtype=bool)
    matches = np.full(len(ious), -1)
    for row, values in enumerate(ious):
        candidates = np.where(free, values, -1.0)
        best = int(candidates.argmax()) if len(candidates) else -1
        if best >= 0 and candidates[best] >= iou_threshold:
            matches[row], free[best] = best, False
    return matches


def _average_precision(pred: list[dict], pairs: list[np.ndarray], objects: int,
                       iou_threshold: float) -> tuple[float, float]:
    hits = [match_best_first(pair, iou_threshold) >= 0 for pair in pairs]
    scores = np.concatenate([frame['scores'] for frame in pred])
    order = np.argsort(-scores, kind='stable')
    true = np.cumsum(np.concatenate(hits)[order])
    recall, precision = true / objects, true / np.arange(1, len(true) + 1)
    wanted = np.arange(1, RECALLS + 1) / RECALLS
    best = [precision[recall >= position - 1e-9].max(initial=0.0) for position in wanted]
    return 100 * float(np.mean(best)), 100 * float(recall[-1] if len(recall) else 0.0)


def _of_class(frame: Mapping, label: int) -> dict[str, np.ndarray]:
    """Boxes of one class; detections best first."""
    rows = np.flatnonzero(frame['labels'] == label)
    if 'scores' in frame:
        rows = rows[np.argsort(-frame['scores'][rows], kind='stable')]
    return {key: frame[key][rows] for key in ('boxes', 'scores') if key in frame}


def _ious(one: np.ndarray, other: np.ndarray, kind: str) -> np.ndarray:
    a, b = (torch.from_numpy(boxes) for boxes in (one, other))
    if kind == '3D':
        return rotated_iou_3d(a, b).numpy()
    columns = [0, 1, 3, 4, 6]
    return rotated_iou_bev(a[:, columns], b[:, columns]).numpy()


def _checked(frame: Mapping, row: int, predicted: bool) -> dict[str, np.ndarray]:
    keys = ('boxes', 'labels', 'scores') if predicted else ('boxes', 'labels')
    missing = [key for key in keys if key not in frame]
    if missing:
        raise DataError(f'{"predicted" if predicted else "labeled"} frame {row} lacks '
                        f'{", ".join(missing)}')
    boxes = np.asarray(frame['boxes'], np.float64)
    arrays = {key: np.asarray(frame[key]).reshape(-1) for key in keys[1:]}
    arrays['boxes'] = boxes.reshape(len(arrays['labels']), -1)[:, :7] if boxes.size else \
        np.zeros((0, 7))
    for key, values in arrays.items():
        if not np.isfinite(values).all():
            raise DataError(f'frame {row} has {key} that are not finite')
    return arrays
