"""An evaluation taken apart: what is found, what is not, and what the mistakes look like."""
from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from mmengine.config import Config

from sparse3d.apis.visualize import frames_with_detections
from sparse3d.atomic_files import make_folder
from sparse3d.engine.checkpoint_config import open_with_config
from sparse3d.engine.training_log import read_losses
from sparse3d.errors import ConfigError, DataError
from sparse3d.metrics.box_average_precision import evaluate_boxes
from sparse3d.metrics.detection_errors import (
    KINDS,
    MISSED,
    FrameErrors,
    by_distance,
    by_points,
    by_size,
    confusion,
    frame_errors,
    precision_recall,
)
from sparse3d.transforms.data_paths import file_name
from sparse3d.visualization.colors import class_color
from sparse3d.visualization.error_view import draw_errors
from sparse3d.visualization.frame import Boxes, Frame
from sparse3d.visualization.html_report import HtmlReport
from sparse3d.visualization.picture_files import as_text

Analyzed = tuple[dict, dict, FrameErrors]
CURVE_SCORE = 0.05      # detections below it take part in nothing


def analyze(
        config: str | PathLike | Config,
        checkpoint: str | PathLike | None,
        out: str | PathLike = 'report',
        frames: int = 100,
        score_threshold: float = 0.3,
        iou_threshold: float = 0.5,
        worst: int = 6,
        split: str = 'test',
        cfg_options: dict[str, Any] | None = None,
        device: str | None = None,
        results: str | PathLike | None = None,
) -> Path:
    """Predict frames of a split, or take the results of another tool, sort the mistakes, and
    write ``<out>/report.html``.

    Args:
        config: path of a config file, or a Config.
        checkpoint: file with the weights, or None with ``results``.
        out: folder for the report and the pictures of the worst frames.
        frames: how many, spread evenly over the split.
        score_threshold: mistakes are counted among the detections from this score on; the curves
            use all from 0.05 on.
        iou_threshold: intersection over union in BEV that counts as found.
        worst: frames with the most mistakes that are drawn.
        split: ``'train'``, ``'val'`` or ``'test'``.
        cfg_options: dotted keys and values that override the config.
        device: of the model; default: the GPU if there is one.
        results: result file of any tool; see :mod:`sparse3d.structures.result_files`.

    Returns:
        The report.

    Raises:
        ConfigError, CheckpointError, DataError: as :func:`sparse3d.apis.test`; and DataError
            if the split has no labels.
    """
    if checkpoint is None and results is None:
        raise ConfigError('an analysis needs detections: give a checkpoint or --results FILE')
    config, opened = open_with_config(config, checkpoint, cfg_options)
    loaded = frames_with_detections(config, opened, frames, CURVE_SCORE, split, device,
                                    title='frames', results=results)
    seen, worst_frames = [], []
    names: Sequence[str] = ()
    for frame in loaded:
        if frame.ground_truth is None:
            raise DataError(f'frame {frame.name} of the split {split} has no labels')
        names = frame.class_names
        errors = _errors(frame, score_threshold, iou_threshold)
        seen.append(_arrays(frame))
        worst_frames = _keep_worst(worst_frames, frame, errors, score_threshold, worst)
    everything = [(*pair, frame_errors(*pair, points, iou_threshold)) for *pair, points in seen]
    shown = [_above(item, points, score_threshold, iou_threshold) for item, (*_, points) in
             zip(everything, seen, strict=True)]
    report = HtmlReport(f'{Path(str(config.filename)).stem}: what it finds and what it misses',
                        f'{len(seen)} frames of the split {split}; '
                        f'{Path(checkpoint or results).name}; '
                        f'found: BEV IoU at least {iou_threshold:g}; '
                        f'mistakes from score {score_threshold:g} on')
    _write_scores(report, everything, names)
    _write_mistakes(report, shown, names)
    _write_worst(report, worst_frames, Path(out))
    if checkpoint is not None:
        _write_training(report, Path(checkpoint).parent)
    make_folder(Path(out))
    return report.write(Path(out) / 'report.html')


def _arrays(frame: Frame) -> tuple[dict, dict, np.ndarray]:
    found, truth = frame.detections, frame.ground_truth
    return (dict(boxes=found.boxes, scores=found.scores, labels=found.labels),
            dict(boxes=truth.boxes, labels=truth.labels), frame.points)


def _errors(frame: Frame, score_threshold: float, iou_threshold: float) -> FrameErrors:
    predicted, labeled, points = _arrays(frame)
    return frame_errors(_from_score(predicted, score_threshold), labeled, points, iou_threshold)


def _above(
    item: Analyzed, points: np.ndarray, score_threshold: float, iou_threshold: float
) -> Analyzed:
    predicted = _from_score(item[0], score_threshold)
    return predicted, item[1], frame_errors(predicted, item[1], points, iou_threshold)


def _from_score(predicted: dict, score_threshold: float) -> dict:
    kept = predicted['scores'] >= score_threshold
    return {key: values[kept] for key, values in predicted.items()}


def _keep_worst(kept: list, frame: Frame, errors: FrameErrors, score_threshold: float,
                number: int) -> list[tuple[FrameErrors, Frame]]:
    found = frame.detections.above(score_threshold)
    shown = Frame(frame.name, frame.points, frame.class_names, frame.ground_truth,
                  Boxes(found.boxes, found.labels, found.scores))
    return sorted([*kept, (errors, shown)], key=lambda pair: -pair[0].mistakes)[:number]


def _write_scores(report: HtmlReport, frames: list[Analyzed], names: Sequence[str]) -> None:
    result = evaluate_boxes([item[0] for item in frames], [item[1] for item in frames], names)
    report.section('Average precision', ' '.join(result.notes))
    columns = [key.removeprefix('mAP_') for key in result.recall if key.startswith('mAP_')]
    scored = [name for name in (*names, 'mAP') if f'{name}_{columns[0]}' in result.recall]
    report.table(['', *(column.replace('_', ' at ') for column in columns)],
                 [[name, *(result.average_precision[f'{name}_{column}'] for column in columns)]
                  for name in scored])
    report.section('Precision and recall')
    figure = Figure(figsize=(7, 4.2), layout='constrained')
    axes = figure.add_subplot(xlim=(0, 1), ylim=(0, 1.02), xlabel='recall', ylabel='precision')
    for label, name in enumerate(names):
        if result.objects[name]:
            recall, precision, _ = precision_recall(frames, label)
            axes.step(recall, precision, where='post', label=as_text(name), linewidth=1.8,
                      color=np.array(class_color(label)) * 0.85)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    report.chart(figure)


def _write_mistakes(report: HtmlReport, frames: list[Analyzed], names: Sequence[str]) -> None:
    counts = {kind: sum(errors.count(kind) for _, _, errors in frames)
              for kind in (*KINDS, MISSED)}
    report.section('Mistakes', 'A misplaced detection touches an object of its class; a wrong '
                   'heading is off by more than 90 degrees.')
    report.table(list(counts), [list(counts.values())])
    for title, bins in (('By distance', by_distance(frames)),
                        ('By points on the object (occlusion)', by_points(frames)),
                        ('By size', by_size(frames))):
        report.section(title)
        report.table(['', 'objects', 'recall', 'precision'],
                     [[item.name, item.objects, item.recall, item.precision] for item in bins])
    report.section('Confusion', 'Rows: what it is. Columns: what it was taken for.')
    table = confusion(frames, len(names))
    report.table(['', *names, 'missed'], [[name, *table[row]] for row, name in
                                          enumerate([*names, 'background'])])


def _write_worst(report: HtmlReport, frames: list, out: Path) -> None:
    paths, captions = [], []
    for errors, frame in frames:
        paths.append(out / f'worst_{file_name(frame.name)}.png')
        draw_errors(frame, errors.detections, errors.gt, paths[-1])
        captions.append(f'frame {frame.name}: {errors.mistakes} mistakes')
    if paths:
        report.section('Worst frames')
        report.pictures(paths, captions)


def _write_training(report: HtmlReport, work_dir: Path) -> None:
    """The loss along the training, if its log lies beside the checkpoint."""
    try:
        points = [(logged.step, logged.loss) for logged in read_losses(work_dir)]
    except DataError as error:  # the scores are worth their page without the log
        report.section('Training', f'The log of the training is not shown: {error}')
        return
    if len(points) < 2:
        return
    figure = Figure(figsize=(7, 3.4), layout='constrained')
    axes = figure.add_subplot(xlabel='iteration', ylabel='loss')
    axes.plot(*zip(*points, strict=True), linewidth=1.6, color='#2a6fbb')
    axes.grid(alpha=0.25)
    report.section('Training')
    report.chart(figure)
