"""Which weights of a matrix stay, by their size."""
from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from sparse3d.errors import ConfigError

GROUP, KEPT = 4, 2


def two_of_four(weight: Tensor) -> Tensor:
    """The two largest of every four neighbors along a row, [out, ...] -> bool of the same shape.

    A weight of more than two axes counts as the matrix [out, all inputs]. Of equal ones the first
    stay; inputs behind the last four stay dense.

    Source: NVIDIA's 2:4 sparsity (arXiv 2104.08378), section 3.
    """
    matrix = weight.detach().flatten(1)
    rows, columns = matrix.shape
    whole = columns - columns % GROUP
    mask = torch.ones_like(matrix, dtype=torch.bool)
    groups = matrix[:, :whole].abs().reshape(rows, -1, GROUP)
    order = groups.argsort(dim=-1, descending=True, stable=True)
    kept = torch.zeros_like(groups, dtype=torch.bool).scatter_(-1, order[..., :KEPT], True)
    mask[:, :whole] = kept.reshape(rows, whole)
    return mask.view(weight.shape)


def largest(weight: Tensor, sparsity: float, block: tuple[int, int] = (1, 1),
            allowed: Tensor | None = None) -> Tensor:
    """The largest weights, or blocks of them, bool of the weight's shape.

    ``round(sparsity * number)`` blocks become zero; of equal ones the last. Blocks are ranked by
    their mean square; a matrix that does not divide into them is refused.

    Args:
        sparsity: share that becomes zero.
        block: rows and columns of a block of the matrix [out, inputs].
        allowed: bool; only these may stay (a mask that only shrinks).

    Raises:
        ConfigError: for another share or block.

    Source: To prune, or not to prune (arXiv 1710.01878); blocks: Fast Sparse ConvNets (CVPR 2020).
    """
    check_share(sparsity)
    check_blocks(weight.shape, block)
    matrix = weight.detach().flatten(1).float()
    squares = matrix.square()
    if allowed is not None:
        squares = squares.masked_fill(~allowed.flatten(1), -1)
    tiles = squares.unflatten(1, (-1, block[1])).unflatten(0, (-1, block[0])).mean((1, 3))
    zeros = round(sparsity * tiles.numel())
    order = tiles.flatten().argsort(descending=True, stable=True)
    kept = torch.zeros(tiles.numel(), dtype=torch.bool, device=weight.device)
    kept[order[:tiles.numel() - zeros]] = True
    whole = kept.view(tiles.shape).repeat_interleave(block[0], 0).repeat_interleave(block[1], 1)
    if allowed is not None:
        whole &= allowed.flatten(1)
    return whole.view(weight.shape)


def share_of_zeros(mask: Tensor) -> float:
    """Share of a mask that is off."""
    return 1 - mask.count_nonzero().item() / max(mask.numel(), 1)


def is_two_of_four(weight: Tensor) -> bool:
    """Whether of every four neighbors along a row at most two differ from zero; of a mask too."""
    return bool(((weight != 0) <= two_of_four(weight.float())).all())


def check_share(sparsity: object, place: str = 'sparsity') -> None:
    """Refuse what is no share of zeros.

    Args:
        place: what errors call it.

    Raises:
        ConfigError: for anything but a number from 0 to below 1.
    """
    number = isinstance(sparsity, int | float) and not isinstance(sparsity, bool)
    if not (number and 0 <= sparsity < 1):
        raise ConfigError(f'{place} is {sparsity!r:.80}; it is a share from 0 to below 1')


def checked_block(block: object, place: str = 'block') -> tuple[int, int]:
    """Rows and columns of a block.

    Args:
        place: what errors call it.

    Raises:
        ConfigError: for anything but two whole numbers of 1 or more.
    """
    if not (isinstance(block, Sequence) and len(block) == 2
            and all(type(side) is int and side > 0 for side in block)):
        raise ConfigError(f'{place} is {block!r:.80}; give its rows and columns, 1 or more each')
    return block[0], block[1]


def check_blocks(shape: Sequence[int], block: tuple[int, int], name: str = 'a weight') -> None:
    """Refuse a weight that does not divide into blocks of the matrix [out, all inputs].

    Args:
        name: of the weight, for the error.

    Raises:
        ConfigError: naming its size and that of a block.
    """
    rows, columns = shape[0], math.prod(shape[1:])
    if rows % block[0] or columns % block[1]:
        raise ConfigError(f'{name} of {rows} x {columns} does not divide into blocks of '
                          f'{block[0]} x {block[1]}; give other blocks, or leave it out')
