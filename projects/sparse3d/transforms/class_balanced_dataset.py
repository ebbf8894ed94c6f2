"""Dataset wrapper that shows frames with rare classes more often."""
from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
from mmdet3d.registry import DATASETS

from sparse3d.errors import DataError
from sparse3d.transforms.epoch_sampler import EpochState


@DATASETS.register_module()
class ClassBalancedDataset:
    """Class-balanced grouping and sampling (CBGS): as many frames for each class.

    Every class gets the same number of places, and fills them with the frames that show it,
    as evenly as possible; a frame of three classes competes for places of all three. Frames
    without objects are left out. Unlike mmdet3d's ``CBGSDataset`` classes without any frame
    are passed over, all processes agree on the choice, and repetitions of a frame in an epoch
    are augmented differently.

    Args:
        dataset: a dataset with ``get_cat_ids``, or its config.
        seed: of the choice of frames where a class has no whole number of repetitions.

    Raises:
        DataError: if no frame shows any class.

    Source: Class-balanced Grouping and Sampling (arXiv 1908.09492), section 3.1.
    """

    def __init__(self, dataset: Any, seed: int = 0, lazy_init: bool = False) -> None:
        self.dataset = DATASETS.build(dataset) if isinstance(dataset, Mapping) else dataset
        self.seed, self._epoch_state = seed, EpochState()
        self._indices: np.ndarray | None = None
        if not lazy_init:
            self.full_init()

    @property
    def metainfo(self) -> dict:
        """That of the wrapped dataset."""
        return deepcopy(self.dataset.metainfo)

    def full_init(self) -> None:
        """Read the annotations and choose the frames; called once."""
        if self._indices is None:
            self.dataset.full_init()
            classes_of = [self.dataset.get_cat_ids(index) for index in range(len(self.dataset))]
            self._indices = balanced_indices(classes_of, self.seed)

    def set_epoch(self, epoch: int, seed: int) -> None:
        """Enter an epoch, also in running workers; called by ``EpochSampler``."""
        self._epoch_state.set(epoch, seed)
        if hasattr(self.dataset, 'set_epoch'):
            self.dataset.set_epoch(epoch, seed)

    def original_index(self, index: int) -> int:
        """Row of the wrapped dataset that stands at ``index`` here."""
        self.full_init()
        return int(self._indices[index])

    def get_data_info(self, index: int) -> dict:
        """Description of a sample before the pipeline."""
        return self.dataset.get_data_info(self.original_index(index))

    def get_cat_ids(self, index: int) -> set[int]:
        """Classes in a sample."""
        return self.dataset.get_cat_ids(self.original_index(index))

    def __getitem__(self, index: int) -> dict:
        with self._epoch_state.randomness_of(index):
            return self.dataset[self.original_index(index)]

    def __len__(self) -> int:
        self.full_init()
        return len(self._indices)


def balanced_indices(classes_of: list[set[int]], seed: int = 0) -> np.ndarray:
    """Rows of frames, with repetitions, such that each class gets as many.

    Args:
        classes_of: of each frame the classes it shows; negative ones do not count.

    Returns:
        int64 rows, sorted by class.

    Raises:
        DataError: if no frame shows any class.
    """
    rows_of: dict[int, list[int]] = {}
    for row, classes in enumerate(classes_of):
        for label in classes:
            if label >= 0:
                rows_of.setdefault(int(label), []).append(row)
    if not rows_of:
        raise DataError('no frame shows an object of the classes in metainfo, so there is nothing '
                        'to balance; check the classes and the info file')
    places = sum(map(len, rows_of.values())) // len(rows_of)
    random = np.random.default_rng(seed)
    return np.concatenate([_repeat_evenly(np.array(rows_of[label]), places, random)
                           for label in sorted(rows_of)])


def _repeat_evenly(rows: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    whole, rest = divmod(count, len(rows))
    return np.concatenate([np.tile(rows, whole), random.permutation(rows)[:rest]])
