"""Statistics of the training's points, kept in its checkpoints, and compared with in a test."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from mmdet3d.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from torch import nn

from sparse3d.engine.hooks.seed_every_epoch import random_state_kept
from sparse3d.structures.point_statistics import (
    META_KEY,
    CloudNumbers,
    PointStatistics,
    TrainingComparison,
    numbers_of_cloud,
)
from sparse3d.transforms.named_columns import column_names


@HOOKS.register_module()
class PointStatisticsHook(Hook):
    """Look at some training clouds before the training, and store their numbers in checkpoints.

    Clouds are read by the loading transforms alone, without augmentation; frames are spread
    evenly over the training set, so that the numbers are the same in each run. Camera models
    have none. Who detects with such a checkpoint is warned of points of another kind.

    Args:
        max_frames: how many frames are looked at.
    """

    def __init__(self, max_frames: int = 200) -> None:
        self.max_frames = max_frames
        self.statistics: PointStatistics | None = None

    def before_train(self, runner) -> None:
        """Look at the clouds; in the main process, which saves the checkpoints."""
        if is_main_process():
            dataset = runner.train_dataloader.dataset
            self.statistics = statistics_of_dataset(dataset, self.max_frames,
                                                    voxel_range(runner.model))

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Store the numbers."""
        if self.statistics is not None:
            checkpoint['meta'][META_KEY] = self.statistics.to_meta()


class TrainingComparisonHook(Hook):
    """Warn in a test of points that do not look like the training's.

    Args:
        training: the numbers in the checkpoint, or None.
    """

    def __init__(self, training: PointStatistics | None) -> None:
        self.training = training
        self._comparison = TrainingComparison(None)

    def before_test(self, runner) -> None:
        """Learn the range of the model."""
        self._comparison = TrainingComparison(self.training, voxel_range(runner.model))

    def before_test_iter(self, runner, batch_idx: int, data_batch: Any = None) -> None:
        """Look at the clouds of a batch."""
        if self.training is None or not isinstance(data_batch, Mapping):
            return
        samples = data_batch.get('data_samples') or ()
        for points, sample in zip(data_batch['inputs'].get('points') or (), samples, strict=False):
            compare_sample(self._comparison, points, sample)


def compare_sample(comparison: TrainingComparison, points: Any, sample: Any,
                   name: str | None = None) -> None:
    """Look at the points of a sample; those that an evaluation changed on purpose are left out.

    Args:
        comparison: warns.
        points: what the model takes.
        sample: mmdet3d's data sample.
        name: of the frame; by default what its meta says.
    """
    meta = getattr(sample, 'metainfo', {})
    if 'evaluation_variant' not in meta:
        known = meta.get('frame_name', meta.get('sample_idx', ''))
        comparison.look(points, name or f'frame {known}'.strip(), 3)


def statistics_of_dataset(dataset: Any, max_frames: int = 200,
                          limits: Sequence[float] | None = None) -> PointStatistics | None:
    """Numbers of the clouds of a dataset, read without augmentation; None without clouds.

    Args:
        dataset: of mmengine or this package, wrapped or not.
        max_frames: how many frames are read, spread evenly.
        limits: range of the model; points outside do not count.
    """
    found: list[CloudNumbers] = []
    columns: tuple[str, ...] = ()
    with random_state_kept():  # some loaders draw; the training does not notice
        for part, index in _spread(dataset, max_frames):
            steps = [step for step in part.pipeline.transforms if _gives_points(step)]
            sample = part.get_data_info(index) if steps else {}
            for step in steps:
                sample = sample and step(sample)
            if not sample or 'points' not in sample:
                continue
            points = sample['points'].tensor.numpy()
            columns = columns or names_of_columns(steps, points.shape[1])
            numbers = numbers_of_cloud(points, columns, limits)
            found += [] if numbers is None else [numbers]
    return PointStatistics.of(found, columns) if found else None


def names_of_columns(steps: Sequence[Any], count: int) -> tuple[str, ...]:
    """What the numbers of a point mean that the last loading transform of some gives."""
    loader = [step for step in steps if type(step).__name__.startswith('Load')][-1]
    use = getattr(loader, 'use', None) or getattr(loader, 'use_dim', None)
    if not isinstance(use, list | tuple) or len(use) != count:
        return column_names(count)
    every = column_names(max(*use, getattr(loader, 'columns', count) - 1) + 1)
    return tuple(every[place] for place in use)


def voxel_range(model: nn.Module) -> list[float] | None:
    """Where a model looks: x, y, z from, x, y, z to, in meters; None if no part of it says so."""
    for layer in model.modules():
        limits = getattr(layer, 'point_cloud_range', None)
        if limits is not None and len(limits) == 6:
            return [float(value) for value in limits]
    return None


def _gives_points(step: Any) -> bool:
    """Whether a transform reads points, or changes their numbers in a test as in a training."""
    name = type(step).__name__
    return name == 'TanhFeatures' or (name.startswith('Load') and 'Point' in name)


def _spread(dataset: Any, count: int) -> Iterator[tuple[Any, int]]:
    """Parts of a dataset that have a pipeline, and rows of them, spread evenly."""
    parts = list(_parts(dataset))
    ends = np.cumsum([len(part) for part in parts])
    total = int(ends[-1]) if parts else 0
    rows = np.unique(np.linspace(0, total - 1, min(count, total)).round().astype(int))
    for row in rows:
        number = int(np.searchsorted(ends, row, side='right'))
        yield parts[number], int(row - (ends[number - 1] if number else 0))


def _parts(dataset: Any) -> Iterator[Any]:
    if hasattr(getattr(dataset, 'pipeline', None), 'transforms'):
        yield dataset
    elif hasattr(dataset, 'datasets'):
        for part in dataset.datasets:
            yield from _parts(part)
    elif hasattr(dataset, 'dataset'):
        yield from _parts(dataset.dataset)
