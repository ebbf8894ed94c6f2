"""Detections of a split beside its labels, sorted into right ones and mistakes."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from sparse3d.apis.benchmark_scores import BenchmarkScores
from sparse3d.apis.frame_mistakes import FrameJudge
from sparse3d.apis.predicted_frames import predict_frames, tell_low_scores
from sparse3d.checkpoints.open import Checkpoint
from sparse3d.errors import DataError
from sparse3d.metrics.detection_errors import FOUND, MISSED, FrameErrors, frame_errors
from sparse3d.metrics.matching_rules import Ignored, MatchingRule
from sparse3d.metrics.score_curves import RankedClass
from sparse3d.visualization.frame import Boxes, Frame

CURVE_SCORE = 0.05      # detections below it take part in the benchmark's numbers alone

Triple = tuple[dict, dict, FrameErrors]


@dataclass(frozen=True)
class Options:
    """What is analyzed, and how.

    Attributes:
        frames: how many, which ones, or None for all of the split.
        score_threshold: mistakes are counted from this score on.
        iou_threshold: overlap in BEV that counts as right, in place of the benchmark's rule.
        drawn: worst and best frames that are drawn, of each.
    """

    frames: int | list[int] | None = None
    score_threshold: float = 0.3
    iou_threshold: float | None = None
    drawn: int = 6
    split: str = 'test'
    device: str | None = None


@dataclass
class AnalyzedResults:
    """One set of detections of a split.

    Attributes:
        title: of the detections: name of the checkpoint or result file.
        names: of the classes.
        curves: by frame, all detections from 0.05 on.
        shown: by frame, detections from the score threshold on.
        frame_names: as the user knows them.
        worst: best: frames to draw with their mistakes.
        rules: when a detection of each class is right.
        benchmark: the benchmark's own numbers.
    """

    title: str
    names: tuple[str, ...] = ()
    curves: list[Triple] = field(default_factory=list)
    shown: list[Triple] = field(default_factory=list)
    frame_names: list[str] = field(default_factory=list)
    worst: list[tuple[FrameErrors, Frame]] = field(default_factory=list)
    best: list[tuple[FrameErrors, Frame]] = field(default_factory=list)
    rules: tuple[MatchingRule, ...] = ()
    benchmark: BenchmarkScores = field(default_factory=BenchmarkScores)

    def ranked(self) -> list[RankedClass]:
        """By class."""
        return [RankedClass(self.curves, label) for label in range(len(self.names))]

    def count(self, kind: str) -> int:
        """Detections of a kind, or objects that were missed, from the score threshold on."""
        return sum(errors.count(kind) for _, _, errors in self.shown)

    @property
    def mistakes(self) -> np.ndarray:
        """(F,) mistakes of each frame."""
        return np.array([errors.mistakes for _, _, errors in self.shown])


def analyze_results(config: Config, opened: Checkpoint | None, results: Path | None,
                    title: str, options: Options) -> AnalyzedResults:
    """Predict a split, or read results of it, and sort what is right and what is not.

    Raises:
        ConfigError, CheckpointError, DataError: as :func:`sparse3d.apis.test`; and DataError
            if a frame of the split has no labels.
    """
    dataset, predicted = predict_frames(config, opened, options.frames, CURVE_SCORE, options.split,
                                        options.device, title=title, results=results)
    names = tuple(dataset.metainfo.get('classes', ()))
    judge = FrameJudge(config, options.split, dataset)
    made = AnalyzedResults(title, names)
    made.rules = judge.rules if options.iou_threshold is None else tuple(
        MatchingRule('BEV', options.iou_threshold) for _ in names)
    for each in predicted:
        frame = each.frame
        truth, found = frame.ground_truth, frame.detections
        if truth is None or found is None or each.prediction is None:
            raise DataError(f'frame {frame.name} of the split {options.split} has no labels')
        _add(made, replace(frame, pictures=()), truth, found, judge.ignored(each, CURVE_SCORE),
             options)
        judge.evaluation.add(each.sample, each.prediction)
    _keep_apart(made)
    if not any(len(predicted['scores']) for predicted, _, _ in made.shown):
        tell_low_scores(title, [predicted['scores'] for predicted, _, _ in made.curves],
                        options.score_threshold)
    made.benchmark = judge.evaluation.scores(len(made.curves), len(dataset))
    return made


def _add(made: AnalyzedResults, frame: Frame, gt: Boxes, pred: Boxes, ignored: Ignored,
         options: Options) -> None:
    labeled = dict(boxes=gt.boxes, labels=gt.labels)
    out: Any = ignored.detections if len(ignored.detections) else np.full(len(pred), False)
    every = dict(boxes=pred.boxes, scores=pred.scores, labels=pred.labels, ignored=out)
    strong = _from_score(every, options.score_threshold)
    threshold = 0.5 if options.iou_threshold is None else options.iou_threshold
    triples = []
    for predicted in (every, strong):
        triples.append((predicted, labeled, frame_errors(
            predicted, labeled, frame.points, threshold, made.rules,
            replace(ignored, detections=predicted['ignored']))))
    made.curves.append(triples[0])
    made.shown.append(triples[1])
    made.frame_names.append(frame.name)
    errors = triples[1][2]
    drawn = replace(frame, detections=Boxes(strong['boxes'], strong['labels'], strong['scores']))
    made.worst = _first([*made.worst, (errors, drawn)], options.drawn,
                        lambda each: -each.mistakes)
    if errors.count(MISSED) < len(errors.gt):
        made.best = _first([*made.best, (errors, drawn)], options.drawn,
                           lambda each: (each.mistakes, -each.count(FOUND)))


def _keep_apart(made: AnalyzedResults) -> None:
    """Of few frames each is among the worst or among the best, not both."""
    most = -(-len(made.shown) // 2)
    made.worst = made.worst[:most]
    worst = {frame.name for _, frame in made.worst}
    made.best = [(errors, frame) for errors, frame in made.best if frame.name not in worst]


def _first(pairs: list, number: int, key) -> list[tuple[FrameErrors, Frame]]:
    return sorted(pairs, key=lambda pair: key(pair[0]))[:number]


def _from_score(predicted: dict, score_threshold: float) -> dict:
    kept = predicted['scores'] >= score_threshold
    return {key: values[kept] for key, values in predicted.items()}


def same_frames(one: AnalyzedResults, other: AnalyzedResults) -> Sequence[str]:
    """Names of the frames of two sets, which have to be the same.

    Raises:
        DataError: if they are not, or the classes differ.
    """
    if one.frame_names != other.frame_names:
        raise DataError(f'{one.title} has {len(one.frame_names)} frames and {other.title} '
                        f'{len(other.frame_names)}, and they are not the same ones: compare two '
                        f'results of one split')
    if one.names != other.names:
        raise DataError(f'{one.title} has the classes {", ".join(one.names)} and {other.title} '
                        f'{", ".join(other.names)}: compare detectors of the same classes')
    return one.frame_names
