"""Frames of a split with what a detector, or a result file, says of them."""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.config import Config
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.structures import InstanceData
from torch import nn

from sparse3d.apis.sample_frames import (
    build_dataset,
    build_unmoved_dataset,
    choose_frames,
    frame_of_sample,
)
from sparse3d.apis.track_tails import TrackTails
from sparse3d.checkpoints.open import Checkpoint, open_checkpoint
from sparse3d.engine.agreement.check import check_config
from sparse3d.engine.build_model import build_model
from sparse3d.engine.hooks.feature_reuse import reusing_features
from sparse3d.engine.hooks.point_statistics import compare_sample, voxel_range
from sparse3d.errors import ConfigError, DataError
from sparse3d.parallel.progress import Progress
from sparse3d.plugins import offer, offers
from sparse3d.structures.detections import Detections, refuse_odd_threshold
from sparse3d.structures.point_statistics import PointStatistics, TrainingComparison
from sparse3d.structures.result_files import Results
from sparse3d.structures.tracks import are_somebody, whole_ids
from sparse3d.visualization.frame import Boxes, Frame

logger = logging.getLogger(__name__)

Also = Callable[[nn.Module, dict, Frame], Frame | None]


@dataclass(frozen=True)
class PredictedFrame:
    """One sample of a split.

    Attributes:
        index: of the sample in the split.
        sample: as the data set's pipeline gives it.
        prediction: with ``pred_instances_3d`` and the sample's meta, or None.
        frame: what there is to see, detections from the score threshold on.
    """

    index: int
    sample: dict
    prediction: Det3DDataSample | None
    frame: Frame


def predict_frames(
    config: Config,
    checkpoint: str | PathLike | Checkpoint | None,
    frames: int | list[int] | None,
    score_threshold: float,
    split: str = 'test',
    device: str | None = None,
    allow_partial: bool = False,
    also: Also | None = None,
    title: str | None = None,
    results: str | PathLike | None = None,
) -> tuple[BaseDataset, Iterator[PredictedFrame]]:
    """The data set of a split, and its frames one after the other.

    Config, data, checkpoint and results are looked at at once, frames when they are asked for.
    Each frame has the name that its files have, and no two the same.

    Args:
        frames: how many, spread evenly; which ones; or None for all.
        also: called with the model, the sample and the frame, if there is a model; may give
            the frame with more in it.
        title: of a progress line, or None for none.
        results: file with detections in place of a checkpoint.

    Raises:
        ConfigError: if a checkpoint and results are given, or a number that cannot be.
        DataError: if the split has no frame, or the results are not of it.
    """
    if checkpoint is not None and results is not None:
        raise ConfigError('detections come from a checkpoint or from --results, not from both')
    if isinstance(frames, int) and frames < 1:
        raise ConfigError(f'the number of frames is {frames}; give 1 or more')
    if np.isnan(score_threshold):
        raise ConfigError('the score threshold is NaN; give a number')
    if checkpoint is not None:
        refuse_odd_threshold(score_threshold)
        check_config(config, [split])
    dataset = (build_dataset if results is None else build_unmoved_dataset)(config, split)
    model, training = None, None
    if checkpoint is not None:
        checkpoint = open_checkpoint(checkpoint)
        training = PointStatistics.from_meta(checkpoint.meta)
        device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        model = build_model(config, checkpoint, device, allow_partial, split)
    if not len(dataset):
        raise DataError(f'the split {split} has no frame')
    chosen = choose_frames(len(dataset) if frames is None else frames, len(dataset))
    if results is not None:
        opened = Results(Path(results), dataset.metainfo.get('classes', ()),
                         dataset.metainfo.get('dataset', ''))
        found = _read_results(dataset, chosen, opened, score_threshold)
        return dataset, _named_apart(_of_results(dataset, chosen, opened, found, score_threshold))
    return dataset, _named_apart(_of_model(dataset, chosen, model, score_threshold, also, title,
                                            training))


def frame_loader(
    config: Config,
    checkpoint: str | PathLike | Checkpoint | None,
    split: str = 'test',
    device: str | None = None,
    results: str | PathLike | None = None,
    also: Also | None = None,
) -> tuple[Callable[[int], PredictedFrame], BaseDataset]:
    """What loads, and predicts, the frame of a number, and the data set.

    Detections come with all scores. Features of earlier frames are not kept, since frames may be
    asked for in any order.

    Raises:
        ConfigError: if a checkpoint and results are given.
    """
    if checkpoint is not None and results is not None:
        raise ConfigError('detections come from a checkpoint or from --results, not from both')
    if checkpoint is not None:
        check_config(config, [split])
    dataset = (build_dataset if results is None else build_unmoved_dataset)(config, split)
    opened = model = None
    if checkpoint is not None:
        device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        model = build_model(config, checkpoint, device, False, split)
    if results is not None:
        opened = Results(Path(results), dataset.metainfo.get('classes', ()),
                         dataset.metainfo.get('dataset', ''))

    def load(index: int) -> PredictedFrame:
        if opened is not None:
            found = opened.of_sample(*_named_info(dataset, index))
            return next(_of_results(dataset, [index], opened, [found], 0.0))
        return next(_of_model(dataset, [index], model, 0.0, also, None))
    return load, dataset


def frames_with_detections(*arguments, **options) -> Iterator[Frame]:
    """The frames of :func:`predict_frames` alone."""
    _, predicted = predict_frames(*arguments, **options)
    return (each.frame for each in predicted)


def with_point_values(
        names: Sequence[str]) -> Callable[[nn.Module, dict, Frame], Frame] | None:
    """What fills the layer ``importance`` of frames by the first of some pictures that has values
    of points; None if none of them has.

    Args:
        names: of pictures, of ``sparse3d.plugins.offers('pictures')``.

    Raises:
        PluginError: if it cannot be imported.
    """
    known = offers('point_values')
    name = next((name for name in names if name in known), None)
    if name is None:
        return None
    values = offer('point_values', name)

    def fill(model: nn.Module, sample: dict, frame: Frame) -> Frame:
        with torch.no_grad():
            return replace(frame, importance=values(model, pseudo_collate([sample]), frame))
    return fill


def _named_apart(frames: Iterator[PredictedFrame]) -> Iterator[PredictedFrame]:
    """Files of two folders may share a name; pictures of them must not share a file."""
    names: set[str] = set()
    for each in frames:
        if each.frame.name in names:
            name = f'{each.frame.name}_{each.index:06d}'
            each = replace(each, frame=replace(each.frame, name=name))
        names.add(each.frame.name)
        yield each


def _read_results(dataset: BaseDataset, chosen: list[int], results: Results,
                  score: float) -> list[Detections]:
    """Detections of the chosen samples, read and looked at before the first one is drawn."""
    found = results.of_samples(_named_info(dataset, index) for index in chosen)
    if results.left_out:
        logger.warning('%s: left out, not among the classes of the data set: %s', results.path,
                       ', '.join(f'{count} {name}' for name, count in results.left_out.items()))
    if not results.kept:
        logger.warning('%s holds no detection in the %d frames that are read', results.path,
                       len(found))
    tell_low_scores(str(results.path), [each.scores for each in found], score)
    return found


def tell_low_scores(title: str, scores: Iterable[np.ndarray], threshold: float) -> None:
    """Say it where there are detections and none reaches the threshold: nothing will be seen."""
    every = np.concatenate([np.zeros(0), *scores])
    if len(every) and every.max() < threshold:
        logger.warning('%s: none of the %d detections reaches the score %g, the best has %.3g; '
                       'lower --score-threshold, or scale the scores', title, len(every),
                       threshold, every.max())


def _named_info(dataset: BaseDataset, index: int) -> tuple[Mapping[str, Any], str]:
    """Description of a sample and its name for messages."""
    info = dataset.get_data_info(index)
    return info, Path(info.get('lidar_path') or str(index)).stem


def _of_results(dataset: BaseDataset, chosen: list[int], results: Results,
                detections: list[Detections], score: float) -> Iterator[PredictedFrame]:
    tails = TrackTails(dataset, results)
    for index, found in zip(chosen, detections, strict=True):
        sample = dataset[index]
        frame = frame_of_sample(dataset, index, sample, None, score,
                                Boxes(found.boxes_3d, found.labels, found.scores,
                                      found.keypoints_3d, found.keypoint_visibility,
                                      track_ids=found.track_ids))
        yield PredictedFrame(index, sample, _as_prediction(sample, found),
                             tails.added(frame, index, found))


def _as_prediction(sample: dict, found: Detections) -> Det3DDataSample:
    """Detections as a model gives them, for a benchmark's metric."""
    prediction = sample['data_samples'].clone()
    boxes = torch.as_tensor(found.boxes_3d, dtype=torch.float32)
    width = boxes.shape[1] if len(boxes) else 7
    prediction.pred_instances_3d = InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(boxes.reshape(-1, width), box_dim=width),
        scores_3d=torch.as_tensor(found.scores, dtype=torch.float32),
        labels_3d=torch.as_tensor(found.labels, dtype=torch.long))
    if found.track_ids is not None:  # as a detector gives them: numbers, -1 is nobody
        prediction.pred_instances_3d.track_ids = torch.from_numpy(np.where(
            are_somebody(found.track_ids), whole_ids(found.track_ids), -1))
    return prediction


def _of_model(dataset: BaseDataset, chosen: list[int], model: nn.Module | None, score: float,
              also: Also | None, title: str | None,
              training: PointStatistics | None = None) -> Iterator[PredictedFrame]:
    progress = Progress(title, len(chosen)) if title is not None else None
    comparison = TrainingComparison(training, None if model is None else voxel_range(model))
    with nullcontext() if model is None else reusing_features(model):
        for index in chosen:
            sample = dataset[index]
            prediction = None
            if model is not None:
                with torch.no_grad():
                    prediction = model.test_step(  # type: ignore[operator]
                        pseudo_collate([sample]))[0]
            frame = frame_of_sample(dataset, index, sample, prediction, score)
            compare_sample(comparison, sample['inputs'].get('points'), sample['data_samples'],
                           frame.name)
            if also is not None and model is not None:
                frame = also(model, sample, frame) or frame
            yield PredictedFrame(index, sample, prediction, frame)
            if progress is not None:
                progress.advance()
