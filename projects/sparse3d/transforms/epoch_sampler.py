"""Order of samples, and the randomness inside them, as functions of seed and epoch alone."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from mmengine.dataset import DefaultSampler
from mmengine.registry import DATA_SAMPLERS

from sparse3d.errors import ConfigError


class EpochState:
    """Epoch and seed of a dataset, in memory that running worker processes see.

    Worker processes may outlive an epoch, so an attribute of the dataset would not
    reach them; a shared tensor does.
    """

    _inside = False  # whether this process is inside of a block of randomness_of

    def __init__(self) -> None:
        self._shared = torch.tensor([0, -1], dtype=torch.int64).share_memory_()

    def set(self, epoch: int, seed: int) -> None:
        """Enter an epoch; from now on samples depend on ``seed``, ``epoch`` and their index."""
        self._shared[0], self._shared[1] = epoch, seed

    @property
    def epoch(self) -> int:
        """The epoch that was entered last, 0 before."""
        return int(self._shared[0])

    @contextmanager
    def randomness_of(self, index: int) -> Iterator[None]:
        """Make the random numbers drawn inside the block those of one sample of the epoch.

        Without this a resumed training would see other augmentations than an
        uninterrupted one. Nothing changes before :meth:`set` was called, nor inside of
        another such block: a wrapper that repeats samples numbers the repetitions.
        """
        epoch, seed = self._shared.tolist()
        if seed < 0 or EpochState._inside:
            yield
            return
        before = np.random.get_state()
        EpochState._inside = True
        words = np.random.SeedSequence([seed, epoch, index]).generate_state(2)
        np.random.seed(words[0])
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(words[1]))
                yield
        finally:
            EpochState._inside = False
            np.random.set_state(before)


class IndexWith(int):
    """The index of a sample, with what a sampler knows of it beside; it goes into the sample.

    Attributes:
        known: keys of the sample and their values.
    """

    known: dict

    def __new__(cls, index: int, **known: object) -> IndexWith:
        """An index that can be used as a number everywhere."""
        made = super().__new__(cls, index)
        made.known = known
        return made


@DATA_SAMPLERS.register_module()
class EpochSampler(DefaultSampler):
    """mmengine's ``DefaultSampler`` that also tells the dataset which epoch it is.

    The dataset needs a method ``set_epoch(epoch, seed)``. mmengine calls
    ``sampler.set_epoch`` before every epoch.

    Raises:
        ConfigError: if the dataset has no ``set_epoch``, as a ``RepeatDataset``, whose
            repetitions would all be augmented alike.
    """

    def __init__(self, dataset, **options) -> None:
        if not hasattr(dataset, 'set_epoch'):
            raise ConfigError(f'EpochSampler needs a dataset with set_epoch, not '
                              f'{type(dataset).__name__}; train for more epochs instead of '
                              f'repeating the dataset, or use DefaultSampler')
        super().__init__(dataset, **options)
        dataset.set_epoch(self.epoch, self.seed)

    def set_epoch(self, epoch: int) -> None:
        """Enter an epoch; see :class:`EpochState`."""
        super().set_epoch(epoch)
        self.dataset.set_epoch(epoch, self.seed)
