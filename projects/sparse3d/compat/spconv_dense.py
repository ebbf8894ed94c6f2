"""``SparseConvTensor.dense()`` without indexing by a list, and without a second copy.

Wrong upstream (spconv 2.3.8): ``scatter_nd`` writes ``ret[[i, j, ..., Ellipsis]] = values``. A
list as an index is deprecated: today it warns on every first call, a later PyTorch reads it as
one tensor index and fails or fills other cells.

Repair: ``spconv.pytorch.core.scatter_nd`` indexes with a tuple; same arguments and result. On a CPU
what comes out lies channels first in memory, so that the ``permute(...).contiguous()`` behind it
copies nothing; channel by channel, voxels in their order, the writing stays in the cache.
"""
from __future__ import annotations

from collections.abc import Sequence

import torch
from spconv.pytorch import core
from torch import Tensor


def apply_patch() -> None:
    """Let ``SparseConvTensor.dense`` index with a tuple."""
    if not hasattr(core.scatter_nd, 'upstream'):
        scatter_nd.upstream = core.scatter_nd
        core.scatter_nd = scatter_nd


def scatter_nd(indices: Tensor, updates: Tensor, shape: Sequence[int]) -> Tensor:
    """Zeros of ``shape`` [S_1, ..., S_D, ...] with ``updates`` [N, ...] at ``indices`` [N, D]."""
    if updates.device.type == 'cpu' and updates.ndim == 2 and indices.ndim == 2 \
            and len(shape) == indices.shape[1] + 1 > 2 and not torch.compiler.is_compiling():
        return _ChannelsFirst.apply(updates, indices, tuple(shape))
    result = updates.new_zeros(*shape)
    result[tuple(indices.reshape(-1, indices.shape[-1]).T)] = updates
    return result


class _ChannelsFirst(torch.autograd.Function):
    """[N, C] at [N, D] -> [S_1, ..., S_D, C], whose memory is that of [S_1, C, S_2, ..., S_D]."""

    @staticmethod
    def forward(ctx, features: Tensor, indices: Tensor, shape: tuple[int, ...]) -> Tensor:
        batch, *spatial, channels = shape
        _refuse_outside(indices, shape[:-1])
        cells = indices[:, 1]
        for axis, extent in enumerate(spatial[1:], start=2):
            cells = cells * extent + indices[:, axis]
        ctx.rows_and_cells = _of_samples(indices[:, 0], cells, batch)
        ctx.channels_first = (batch, channels, torch.Size(spatial).numel())
        result = features.new_zeros(ctx.channels_first)
        for sample, (rows, of_sample) in enumerate(ctx.rows_and_cells):
            result[sample].index_copy_(1, of_sample, features[rows].T)
        return result.transpose(1, 2).unflatten(1, spatial)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None]:
        batch, channels, count = ctx.channels_first
        gradient = gradient.movedim(-1, 1).reshape(batch, channels, count)
        found = gradient.new_zeros(sum(len(cells) for _, cells in ctx.rows_and_cells), channels)
        for sample, (rows, cells) in enumerate(ctx.rows_and_cells):
            found[rows] = gradient[sample].index_select(1, cells).T
        return found, None, None


def _refuse_outside(indices: Tensor, shape: tuple[int, ...]) -> None:
    if len(indices) and (indices.amin() < 0 or
                         bool((indices.amax(0) >= torch.tensor(shape)).any())):
        raise IndexError(f'voxels run to {indices.amax(0).tolist()} (sample first), outside of '
                         f'{list(shape)} or below 0')


def _of_samples(samples: Tensor, cells: Tensor, batch: int) -> list[tuple]:
    """Rows and cells of each sample."""
    if batch == 1:
        return [(slice(None), cells)]
    rows = [(samples == sample).nonzero().squeeze(1) for sample in range(batch)]
    return [(of_sample, cells[of_sample]) for of_sample in rows]
