"""Ratios of windows that are left out, block by block: what is allowed, and what it costs."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparse3d.errors import ConfigError

Ratios = list[list[float]]
ROUNDING = 1e-6  # n (1 - p) may lie this far below the whole number that it means


def checked_ratios(ratios: Sequence[Sequence[float]] | None, depths: Sequence[int]) -> Ratios:
    """The ratios of all blocks; None leaves nothing out.

    Later blocks of a partition work on a part of what its earlier ones chose, so that the ratios
    of blocks 1, 3, 5 of a stage may not fall, nor those of blocks 2, 4, 6.

    Raises:
        ConfigError: for a wrong number of stages or blocks, a ratio outside of [0, 1), or one that
            falls.
    """
    if ratios is None:
        return [[0.0] * depth for depth in depths]
    if not isinstance(ratios, Sequence) or isinstance(ratios, str):
        raise ConfigError(f'ratios is {ratios!r:.80}; give a list of ratios for each of the '
                          f'{len(depths)} stages')
    if len(ratios) != len(depths):
        raise ConfigError(f'ratios has {len(ratios)} stages, the backbone {len(depths)}; give a '
                          f'list of ratios for each stage')
    for number, (stage, depth) in enumerate(zip(ratios, depths, strict=True), 1):
        if not isinstance(stage, Sequence) or len(stage) != depth:
            raise ConfigError(f'ratios of stage {number} are {stage!r:.80}, and the stage has '
                              f'{depth} blocks; give one ratio for each')
        for block, ratio in enumerate(stage, 1):
            if not is_ratio(ratio):
                raise ConfigError(f'the ratio of block {block} of stage {number} is {ratio!r:.40}; '
                                  f'give the share of windows to leave out, 0 or more, below 1')
        for block in range(2, depth):
            if stage[block] < stage[block - 2]:
                raise ConfigError(
                    f'the ratios of stage {number} fall from {stage[block - 2]} (block '
                    f'{block - 1}) to {stage[block]} (block {block + 1}), and a block keeps a part '
                    f'of what the block two before it kept; give ratios that do not fall')
    return [[float(ratio) for ratio in stage] for stage in ratios]


def is_ratio(value: object) -> bool:
    """Whether a value is a share of windows that may be left out."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1


def kept_windows(windows: int, ratio: float, truncated: bool = False) -> int:
    """How many of so many windows a block works on.

    Args:
        truncated: n (1 - p) is cut as floating point has it, as published: 0.8 of 10 windows
            leaves 1, and 0.9 of them none. Else it is rounded down, to 1 at least.
    """
    kept = windows * (1 - ratio)
    return int(kept) if truncated else max(1, int(kept + ROUNDING))


@dataclass(frozen=True)
class SwinShape:
    """What of a Swin decides on its cost.

    Attributes:
        channels: of the first stage; each next one has twice as many.
        depths: blocks of each stage.
        strides: of the patches, then of each merging.
        window: its side, tokens.
        feedforward: hidden channels for each channel.
    """

    channels: int = 96
    depths: tuple[int, ...] = (2, 2, 6, 2)
    strides: tuple[int, ...] = (4, 2, 2, 2)
    window: int = 7
    feedforward: int = 4

    def windows(self, image_size: tuple[int, int]) -> list[int]:
        """Windows of each stage for images of (height, width) pixels."""
        counts, (height, width) = [], image_size
        for stride in self.strides[:len(self.depths)]:
            height, width = -(-height // stride), -(-width // stride)
            counts.append(-(-height // self.window) * -(-width // self.window))
        return counts


def block_macs(shape: SwinShape, image_size: tuple[int, int], ratios: Ratios,
               truncated: bool = False) -> int:
    """Multiplications of all blocks for one image: projections, attention, feed-forward.

    Patch embedding and merging always see the whole map and are not counted.
    """
    tokens, total = shape.window ** 2, 0
    for stage, (count, of_blocks) in enumerate(zip(shape.windows(image_size), ratios, strict=True)):
        channels = shape.channels * 2 ** stage
        of_token = (4 + 2 * shape.feedforward) * channels ** 2 + 2 * tokens * channels
        total += sum(kept_windows(count, ratio, truncated) if ratio else count
                     for ratio in of_blocks) * tokens * of_token
    return total
