"""Order of training samples: every slot of a batch walks through sequences of its own.

The order is a function of seed and epoch alone, so that a resumed training sees the frames that an
uninterrupted one would have seen.

Source: Sparse4D v3 (arXiv 2311.11722), released code, after SOLOFusion (arXiv 2210.02443).
"""
from __future__ import annotations

import math
from collections.abc import Iterator, Sequence, Sized
from itertools import islice, pairwise
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from sparse3d.errors import ConfigError
from sparse3d.transforms.epoch_sampler import IndexWith
from sparse4d.sequence_augmentation import KEY


def sequence_groups(scenes: Sequence[Any], parts: int = 1) -> list[list[int]]:
    """Samples of each sequence, in order.

    Args:
        scenes: scene of each sample; samples of a scene follow each other.
        parts: every scene is cut into so many sequences, of ``ceil(length / parts)`` samples but
            the last; a scene may be too short for all of them.

    Raises:
        ConfigError: if ``parts`` is not positive.
    """
    if not isinstance(parts, int) or parts < 1:
        raise ConfigError(f'a scene is cut into at least 1 sequence, not {parts!r}')
    edges = [row for row, scene in enumerate(scenes) if not row or scene != scenes[row - 1]]
    groups = []
    for start, stop in pairwise([*edges, len(scenes)]):
        length = math.ceil((stop - start) / parts)
        groups += [list(range(first, min(first + length, stop)))
                   for first in range(start, stop, length)]
    return groups


def slot_groups(count: int, slot: int, slots: int, seed: int) -> Iterator[int]:
    """Groups that one of the slots of a global batch walks through, without end.

    All slots deal one stream of permutations out among them.
    """
    def shuffled() -> Iterator[int]:
        generator = torch.Generator()
        generator.manual_seed(seed)
        while True:
            yield from torch.randperm(count, generator=generator).tolist()

    return islice(shuffled(), slot, None, slots)


class _Slot:
    """One place of a batch: the frames of its sequence that are left."""

    def __init__(self, groups: Iterator[int]) -> None:
        self.groups, self.left, self.augmentation = groups, list[int](), None


@DATA_SAMPLERS.register_module()
class SequenceSampler(Sampler):
    """What :class:`SequenceBatchSampler` walks through.

    Args:
        dataset: has ``scenes``, the scene of each sample.
        parts: see :func:`sequence_groups`.
        skip: probability that a frame is left out before one that is not the last.
        reverse: probability that a sequence runs backwards.
        augment_sequences: draw the augmentation once for each sequence; else once for each sample.
        seed: the same for all processes; default: agreed between them.
        random_seed: of skipping, reversing and augmentation, a number for each process; default:
            follows from ``seed``.

    Raises:
        ConfigError: if the data set has no scenes, or a probability or a seed is none.
    """

    def __init__(self, dataset: Sized, parts: int = 2, skip: float = 0.5, reverse: float = 0.1,
                 augment_sequences: bool = True, seed: int | None = None,
                 random_seed: int | None = None) -> None:
        if getattr(dataset, 'scenes', None) is None:
            raise ConfigError(f'SequenceSampler needs a data set that says which samples follow '
                              f'each other (scenes), not {type(dataset).__name__}')
        for name, chance in (('skip', skip), ('reverse', reverse)):
            if not isinstance(chance, int | float) or not 0 <= chance <= 1:
                raise ConfigError(f'{name} of SequenceSampler is a probability, not {chance!r}')
        for name, number in (('seed', seed), ('random_seed', random_seed)):
            if number is not None and (not isinstance(number, int) or not 0 <= number < 2 ** 32):
                raise ConfigError(f'{name} of SequenceSampler is {number!r}; give a whole number '
                                  f'from 0 to {2 ** 32 - 1}')
        self.rank, self.world_size = get_dist_info()
        self.seed = sync_random_seed() if seed is None else seed
        self.random_seed = random_seed
        self.dataset, self.skip, self.reverse = dataset, skip, reverse
        self.augment_sequences = augment_sequences
        self.groups = sequence_groups(list(dataset.scenes), parts)
        self.epoch = 0
        pipeline = getattr(dataset, 'pipeline', None)
        self._draw = next((step.draw_for_sequence for step in getattr(pipeline, 'transforms', ())
                           if hasattr(step, 'draw_for_sequence')), lambda random: None)
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Enter an epoch."""
        self.epoch = epoch
        if hasattr(self.dataset, 'set_epoch'):
            self.dataset.set_epoch(epoch, self.seed)

    def batches(self, batch_size: int) -> Iterator[list[int]]:
        """Batches of this process without end, from the beginning of the training.

        An index carries the augmentation of its sequence into the sample.

        Raises:
            ConfigError: if there are fewer sequences than samples in a batch of all processes.
        """
        slots = batch_size * self.world_size
        if len(self.groups) < slots:
            raise ConfigError(f'there are {len(self.groups)} sequences for {slots} samples of a '
                              f'batch, each of which needs its own; train with a smaller '
                              f'batch_size, or cut scenes into more parts')
        random = np.random.RandomState(self._own_seed())
        places = [_Slot(slot_groups(len(self.groups), self.rank * batch_size + place, slots,
                                    self.seed)) for place in range(batch_size)]
        while True:
            yield [self._next(place, random) for place in places]

    def _next(self, place: _Slot, random: np.random.RandomState) -> IndexWith:
        """The next frame of a slot, in the published order of draws."""
        skipped = random.uniform() < self.skip and len(place.left) > 1
        if not place.left:
            place.left = list(self.groups[next(place.groups)])
            if random.uniform() < self.reverse:
                place.left.reverse()
            if self.augment_sequences:
                place.augmentation = self._draw(random)
        if not self.augment_sequences:
            place.augmentation = self._draw(random)
        if skipped:
            place.left.pop(0)
        return IndexWith(place.left.pop(0), **{KEY: place.augmentation})

    def _own_seed(self) -> int:
        if self.random_seed is not None:
            return self.random_seed
        return int(np.random.SeedSequence([self.seed, self.rank]).generate_state(1)[0])

    def __len__(self) -> int:
        return len(self.dataset)


@DATA_SAMPLERS.register_module()
class SequenceBatchSampler(Sampler):
    """Batches of an epoch: as many as the data set has samples for.

    The sequences go on over the ends of epochs. Whoever begins an epoch gets its batches, also
    after a stop in the middle of another one.

    Args:
        sampler: what is walked through.
        batch_size: samples of one process.

    Raises:
        ConfigError: if the sampler is another one, or there is not one batch.
    """

    def __init__(self, sampler: SequenceSampler, batch_size: int) -> None:
        if not isinstance(sampler, SequenceSampler):
            raise ConfigError(f'SequenceBatchSampler goes with SequenceSampler, not '
                              f'{type(sampler).__name__}')
        if len(sampler) < batch_size * sampler.world_size:
            raise ConfigError(f'the data set has {len(sampler)} samples, fewer than the '
                              f'{batch_size * sampler.world_size} of a batch of all processes')
        self.sampler, self.batch_size = sampler, batch_size
        self._stream: Iterator[list[int]] | None = None
        self._given = 0  # batches of the stream

    def __iter__(self) -> Iterator[list[int]]:
        first = self.sampler.epoch * len(self)
        if self._stream is None or self._given != first:
            self._stream, self._given = self.sampler.batches(self.batch_size), first
            for _ in islice(self._stream, first):  # cheap: no sample is read
                pass
        stream = self._stream
        for _ in range(len(self)):
            self._given += 1
            yield next(stream)

    def __len__(self) -> int:
        return len(self.sampler) // (self.batch_size * self.sampler.world_size)
