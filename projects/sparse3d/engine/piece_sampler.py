"""A part of a test set, in its order."""
from __future__ import annotations

from collections.abc import Iterator, Sized

from mmdet3d.registry import DATA_SAMPLERS
from torch.utils.data import Sampler


@DATA_SAMPLERS.register_module()
class PieceSampler(Sampler):
    """The samples from one index to another.

    Args:
        dataset: whose samples.
        start, stop: first sample, and the one behind the last.
    """

    def __init__(self, dataset: Sized, start: int, stop: int, seed: int | None = None) -> None:
        self.indices = range(start, min(stop, len(dataset)))

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)

    def __len__(self) -> int:
        return len(self.indices)

    def set_epoch(self, epoch: int) -> None:
        """A test has one epoch."""
