"""What is right and what is not in predicted frames, by the rules of a config's benchmark."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from mmdet3d.structures import Det3DDataSample
from mmengine.config import Config
from mmengine.dataset import BaseDataset

from sparse3d.apis.benchmark_scores import BenchmarkEvaluation
from sparse3d.apis.predicted_frames import PredictedFrame
from sparse3d.metrics.detection_errors import (
    CLASS,
    MISPLACED,
    MISSED,
    FrameErrors,
    frame_errors,
)
from sparse3d.metrics.matching_rules import NOTHING_IGNORED, Ignored, MatchingRule
from sparse3d.visualization.frame import Boxes, Frame


class FrameJudge:
    """Tells mistakes as a benchmark does: its rule of a match, without what it ignores.

    Args:
        config: with ``<split>_evaluator``; without one a BEV overlap of 0.5 counts as right.
        split: whose evaluator is taken.
        dataset: of the frames.
    """

    def __init__(self, config: Config, split: str, dataset: BaseDataset) -> None:
        self.evaluation = BenchmarkEvaluation(config, split, dict(dataset.metainfo))
        self.rules = self.evaluation.rules(tuple(dataset.metainfo.get('classes', ())))
        self._turned = dataset.metainfo.get('forward_axis', 'x') != 'x'

    def ignored(self, each: PredictedFrame, score_threshold: float) -> Ignored:
        """What the benchmark leaves out of a frame, in its axes, for the detections from a score
        on, the best first."""
        if each.prediction is None:
            return NOTHING_IGNORED
        return _in_frame(self.evaluation.ignored(each.prediction), each.prediction, self._turned,
                         score_threshold)

    def judged(self, each: PredictedFrame, score_threshold: float) -> Frame:
        """The frame with the kind of mistake at each box, where labels and detections are known.

        Args:
            score_threshold: from which on the frame has its detections.
        """
        truth, found = each.frame.ground_truth, each.frame.detections
        if truth is None or found is None or found.scores is None:
            return each.frame
        return with_mistakes(each.frame, self.rules, self.ignored(each, score_threshold))


class WatchedJudge:
    """Judges frames that are looked at with any score threshold.

    Args:
        judge: of the data set.
        load: gives a predicted frame with all its detections.
    """

    def __init__(self, judge: FrameJudge, load: Callable[[int], PredictedFrame]) -> None:
        self._judge, self._load = judge, load
        self._ignored: dict[str, Ignored] = {}

    def load(self, index: int) -> Frame:
        """The frame of a number; what is to be ignored in it is kept."""
        each = self._load(index)
        if each.frame.ground_truth is not None and each.frame.detections is not None:
            self._ignored[each.frame.name] = self._judge.ignored(each, 0.0)
        return each.frame

    def judged(self, frame: Frame) -> Frame:
        """A loaded frame, of which only the detections from some score on are left."""
        ignored = self._ignored.get(frame.name)
        if ignored is None or frame.detections is None:
            return frame
        return with_mistakes(frame, self._judge.rules, replace(
            ignored, detections=ignored.detections[:len(frame.detections)]))


def with_mistakes(frame: Frame, rules: Sequence[MatchingRule] = (),
                  ignored: Ignored = NOTHING_IGNORED, iou_threshold: float = 0.5) -> Frame:
    """The frame with the kind of mistake at each box, where labels and detections are known.

    Args:
        rules: when a detection of each class counts as right.
        ignored: what does not count.
        iou_threshold: BEV overlap that counts as right where there are no rules.
    """
    truth, found = frame.ground_truth, frame.detections
    if truth is None or found is None or found.scores is None:
        return frame
    found = found.above(-np.inf)
    scores = np.asarray(found.scores)
    errors = frame_errors(
        dict(boxes=found.boxes, scores=scores, labels=found.labels),
        dict(boxes=truth.boxes, labels=truth.labels), frame.points, iou_threshold, rules, ignored)
    by, kinds = np.full(len(truth), np.nan), object_kinds(errors)
    for row in range(len(found) - 1, -1, -1):       # the best last: it stays
        if errors.objects[row] >= 0 and errors.detections[row] == kinds[errors.objects[row]]:
            by[errors.objects[row]] = scores[row]
    return replace(frame, ground_truth=replace(truth, kinds=kinds, found_by=by),
                   detections=replace(found, kinds=errors.detections))


def object_kinds(errors: FrameErrors) -> np.ndarray:
    """(M,) state of each labeled object; one that was missed because it was taken for another
    class, or because the detection there is misplaced, is of the kind of this detection."""
    kinds = errors.gt.copy()
    for kind in (CLASS, MISPLACED):
        there = np.unique(errors.objects[errors.detections == kind])
        kinds[there[kinds[there] == MISSED]] = kind
    return kinds


def _in_frame(ignored: Ignored, prediction: Det3DDataSample, turned: bool,
              score_threshold: float) -> Ignored:
    """What is ignored, in the axes of the frame and in the order of its detections."""
    scores = np.asarray(prediction.pred_instances_3d.scores_3d.detach().cpu())
    order = np.argsort(-scores, kind='stable')
    order = order[scores[order] >= score_threshold]
    detections = ignored.detections
    if len(detections):
        detections = np.asarray(detections)[order]
    boxes = ignored.boxes
    if turned and len(boxes):
        boxes = Boxes(boxes, ignored.labels).turned(-np.pi / 2).boxes
    return Ignored(boxes, ignored.labels, detections)
