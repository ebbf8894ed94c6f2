"""Which windows of a feature map a block works on: scores, ranking, and the tokens of a window.

A window is ``size`` x ``size`` tokens of the map, which is padded to whole windows. Two partitions
alternate: the plain one, and the one of the padded map rolled up and left by ``shift``.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from sparse3d.models.backbones.window_ratios import kept_windows

OTHER_REGION = -100.0  # added to attention between tokens that the roll alone made neighbors


@dataclass(frozen=True)
class WindowGrid:
    """One partition of a map into windows.

    Attributes:
        tokens: [n, size * size] number of each token, row by row of the map; -1 is padding.
        areas: [n, size * size] tokens of a window attend to those of the same number; None
            where all do.
    """

    tokens: Tensor
    areas: Tensor | None


def window_grid(height: int, width: int, size: int, shift: int, device: torch.device) -> WindowGrid:
    """The partition of a map of ``height`` x ``width`` tokens; not to be changed in place."""
    if torch.jit.is_tracing() or torch.compiler.is_compiling():  # tensors of the trace alone
        return _grid(height, width, size, shift, device)
    return _kept_grid(height, width, size, shift, device)


@lru_cache(maxsize=256)
def _kept_grid(height: int, width: int, size: int, shift: int, device: torch.device) -> WindowGrid:
    with torch.inference_mode(False):  # or training could not use it after a prediction
        return _grid(height, width, size, shift, device)


def _grid(height: int, width: int, size: int, shift: int, device: torch.device) -> WindowGrid:
    padded = -(-height // size) * size, -(-width // size) * size
    tokens = torch.full(padded, -1, dtype=torch.long)
    tokens[:height, :width] = torch.arange(height * width).view(height, width)
    if not shift:
        return WindowGrid(_windows(tokens, size).to(device), None)
    rolled = torch.roll(tokens, (-shift, -shift), (0, 1))
    rows, columns = (_bands(length, size, shift) for length in padded)
    areas = rows[:, None] * 3 + columns[None]
    return WindowGrid(_windows(rolled, size).to(device), _windows(areas, size).to(device))


def window_scores(activation: Tensor, grid: WindowGrid) -> Tensor:
    """How strongly each window is activated: the L2 norm over its tokens, padding counts 0.

    Args:
        activation: [M, H * W] of each token, see :func:`token_activation`.

    Returns:
        [M, n] float32.

    Source: SparseViT (CVPR 2023), section 3.1.
    """
    padded = torch.nn.functional.pad(activation, (0, 1))
    return padded[:, grid.tokens.flatten()].unflatten(1, grid.tokens.shape).norm(dim=-1)


def token_activation(features: Tensor) -> Tensor:
    """Mean of the channels' magnitudes of [M, L, C], in float32 whatever the autocast: [M, L]."""
    return features.detach().float().abs().mean(-1)


def rank_windows(scores: Tensor) -> Tensor:
    """Numbers [M, n] of the windows, the strongest first, ties in the order of the map.

    A constant image gives ties, which a top-k breaks differently on every device.
    """
    return torch.sort(scores, dim=-1, descending=True, stable=True).indices


class StageRanking:
    """Both rankings of a stage in one pass, each made when it is first used.

    They come from one activation, as published, and before the blocks run: what recomputes a block
    (checkpointing) cannot choose otherwise.

    Args:
        activation: [M, H * W] at the input of the first block that prunes.
        images: that are ranked together.
        absent: [M] bool; the windows of such images come last.
    """

    def __init__(self, activation: Tensor, images: int = 1, absent: Tensor | None = None) -> None:
        self.activation, self.images, self.absent = activation, images, absent
        self._rankings: dict[bool, Tensor] = {}

    def best(self, grid: WindowGrid, shifted: bool, ratio: float, truncated: bool) -> Tensor:
        """[G, images * K] numbers of the windows that a block keeps, the strongest first."""
        if shifted not in self._rankings:
            scores = window_scores(self.activation, grid)
            if self.absent is not None:
                scores = scores.masked_fill(self.absent[:, None], -1.0)
            together = scores.reshape(-1, self.images * scores.shape[1])
            self._rankings[shifted] = rank_windows(together)
        kept = kept_windows(len(grid.tokens), ratio, truncated)
        return self._rankings[shifted][:, :self.images * kept]


def attention_mask(areas: Tensor) -> Tensor:
    """[W, t, t] added to the attention of windows whose tokens lie in ``areas`` [W, t]."""
    apart = areas[:, :, None] != areas[:, None]
    return torch.zeros(apart.shape, device=areas.device).masked_fill(apart, OTHER_REGION)


def _bands(length: int, size: int, shift: int) -> Tensor:
    """[length] 0, then 1 in the last window, then 2 in its last ``shift`` cells."""
    bands = torch.zeros(length, dtype=torch.long)
    bands[-size:] = 1
    bands[-shift:] = 2
    return bands


def _windows(values: Tensor, size: int) -> Tensor:
    """[H, W] -> [n, size * size]."""
    height, width = values.shape
    cut = values.view(height // size, size, width // size, size)
    return cut.transpose(1, 2).reshape(-1, size * size)
