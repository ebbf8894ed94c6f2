"""Several datasets as one, for instance train and validation set of a benchmark."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from mmdet3d.registry import DATASETS

from sparse3d.errors import ConfigError
from sparse3d.transforms.epoch_sampler import EpochState


@DATASETS.register_module()
class JoinedDataset:
    """The samples of several datasets, one dataset after the other.

    Unlike mmengine's ``ConcatDataset`` it tells its parts the epoch, draws other random
    numbers for samples of the same number in different parts, and minds different classes
    but not different stamps of info files.

    Args:
        datasets: datasets or their configs.

    Raises:
        ConfigError: if there are none, or they name different classes.
    """

    def __init__(self, datasets: Sequence[Any], lazy_init: bool = False) -> None:
        self.datasets = [DATASETS.build(part) if isinstance(part, Mapping) else part
                         for part in datasets]
        if not self.datasets:
            raise ConfigError('JoinedDataset needs at least one dataset')
        classes = [tuple(part.metainfo['classes']) for part in self.datasets]
        if len(set(classes)) > 1:
            raise ConfigError('the datasets to be joined have different classes: '
                              + ' and '.join(map(str, sorted(set(classes)))))
        self._epoch_state = EpochState()
        self._ends: np.ndarray | None = None
        if not lazy_init:
            self.full_init()

    @property
    def metainfo(self) -> dict:
        """That of the first dataset."""
        return deepcopy(self.datasets[0].metainfo)

    def full_init(self) -> None:
        """Read all annotations; called once."""
        if self._ends is None:
            for part in self.datasets:
                part.full_init()
            self._ends = np.cumsum([len(part) for part in self.datasets])

    def set_epoch(self, epoch: int, seed: int) -> None:
        """Enter an epoch, also in running workers; called by ``EpochSampler``."""
        self._epoch_state.set(epoch, seed)
        for part in self.datasets:
            if hasattr(part, 'set_epoch'):
                part.set_epoch(epoch, seed)

    def get_data_info(self, index: int) -> dict:
        """Description of a sample before the pipeline."""
        part, row = self._place(index)
        return part.get_data_info(row)

    def get_cat_ids(self, index: int) -> set[int]:
        """Classes in a sample, for class-balanced sampling."""
        part, row = self._place(index)
        return part.get_cat_ids(row)

    def __getitem__(self, index: int) -> dict:
        part, row = self._place(index)
        with self._epoch_state.randomness_of(index):
            return part[row]

    def __len__(self) -> int:
        self.full_init()
        return int(self._ends[-1])

    def _place(self, index: int) -> tuple[Any, int]:
        """The dataset that holds a sample, and its row there."""
        if not 0 <= index < len(self):
            raise IndexError(f'sample {index} of {len(self)}')
        number = int(np.searchsorted(self._ends, index, side='right'))
        return self.datasets[number], index - int(self._ends[number - 1] if number else 0)
