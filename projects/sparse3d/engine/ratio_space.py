"""The ratios of windows that are searched: a few numbers, and what a random draw of them is."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparse3d.models.backbones.window_ratios import Ratios

RATIOS = tuple(round(0.1 * tenth, 1) for tenth in range(9))  # 0, 0.1, ... 0.8
BLOCKS = 2  # after each other that share a ratio: one with each partition

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class RatioSpace:
    """Ratios of a backbone with stages of so many blocks; those of a stage ascend.

    Args:
        depths: blocks of each stage.
        ratios: that a pair of blocks may have.

    Source: SparseViT (CVPR 2023), section 3.2.
    """

    depths: tuple[int, ...]
    ratios: tuple[float, ...] = RATIOS

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of each stage: one for a pair of blocks."""
        return tuple(-(-depth // BLOCKS) for depth in self.depths)

    def everywhere(self, ratio: float) -> Numbers:
        """One ratio in all blocks."""
        return (ratio, ) * sum(self.sizes)

    def draw(self, rng: np.random.Generator) -> Numbers:
        """Every number by itself, then in order within each stage."""
        return self.ordered([self.ratios[rng.integers(len(self.ratios))]
                             for _ in range(sum(self.sizes))])

    def mutated(self, numbers: Numbers, rng: np.random.Generator,
                probability: float = 0.1) -> Numbers:
        """Each number drawn anew with a probability."""
        return self.ordered([
            self.ratios[rng.integers(len(self.ratios))] if rng.random() < probability else number
            for number in numbers])

    def crossed(self, one: Numbers, other: Numbers, rng: np.random.Generator) -> Numbers:
        """Each number of one of the two."""
        return self.ordered([pair[rng.integers(2)] for pair in zip(one, other, strict=True)])

    def ordered(self, numbers: Sequence[float]) -> Numbers:
        """The numbers of each stage in ascending order."""
        ordered: list[float] = []
        for size in self.sizes:
            ordered += sorted(numbers[len(ordered):len(ordered) + size])
        return tuple(ordered)

    def blocks(self, numbers: Numbers) -> Ratios:
        """The ratio of every block."""
        ratios, start = [], 0
        for depth, size in zip(self.depths, self.sizes, strict=True):
            of_stage = numbers[start:start + size]
            ratios.append([of_stage[block // BLOCKS] for block in range(depth)])
            start += size
        return ratios
