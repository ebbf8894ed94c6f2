"""Weighted sums of rows of a table, several times a step, with one gradient of the table.

Each reading adds to the same gradient in place: a table of all images of a video has hundreds of
megabytes, and a decoder reads it six times. The compiled kernels do that on the CPU in float32;
elsewhere, and without kernels, it is :func:`torch.nn.functional.embedding_bag`.
"""
from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sparse3d.ops.compiled_kernels import call, library, threads_for


class SharedGradient:
    """The gradient of one table, all readings of a backward pass together."""

    def __init__(self) -> None:
        self._total: Tensor | None = None

    def of(self, table: Tensor) -> Tensor:
        """What readings add to, [R, C], zeros at first."""
        if self._total is None:
            self._total = torch.zeros_like(table)
        return self._total

    def take(self) -> Tensor | None:
        """The sum, once; None if nobody read."""
        total, self._total = self._total, None
        return total


def rows_of_maps(maps: Sequence[Tensor], groups: int, shared: SharedGradient) -> Tensor:
    """Maps L x [..., C, H_l, W_l] as one table [rows + 1, C / groups], copied once.

    Level by level, then the leading axes, y, x, group; the last row is zero. Maps whose memory
    is channels last are copied fastest.

    Args:
        shared: gathers the gradients of :func:`weighted_rows`.
    """
    if torch.compiler.is_compiling():
        return _joined(maps, groups)
    return _Rows.apply(groups, shared, *maps)


def weighted_rows(
        table: Tensor,      # [R, C]; the last row is zero, and has no gradient
        rows: Tensor,       # [M, k] int64, or int32 to be summed in plain PyTorch
        weights: Tensor,    # [M, k]
        shared: SharedGradient | None = None,
) -> Tensor:                # [M, C]
    """Sums of ``weights[m, i] * table[rows[m, i]]`` over i.

    Args:
        shared: of the table that :func:`rows_of_maps` made, or None for any other.
    """
    learns = torch.is_grad_enabled() and (table.requires_grad or weights.requires_grad)
    kernels = table.device.type == 'cpu' and table.dtype == weights.dtype == torch.float32 \
        and rows.dtype == torch.int64 and not torch.compiler.is_compiling() \
        and library() is not None
    if learns and kernels:
        return _WeightedRows.apply(table, rows, weights, shared)
    return _bags(table, rows, weights)


def _bags(table: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
    return F.embedding_bag(rows, table, mode='sum', per_sample_weights=weights)


def _joined(maps: Sequence[Tensor], groups: int) -> Tensor:
    """The table in plain operators, for graphs."""
    rows = [level.movedim(-3, -1).reshape(-1, level.shape[-3] // groups) for level in maps]
    return torch.cat([*rows, rows[0].new_zeros(1, rows[0].shape[1])])


class _Rows(torch.autograd.Function):

    @staticmethod
    def forward(ctx, groups: int, shared: SharedGradient, *maps: Tensor) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.shared, ctx.maps = shared, [(level.shape, level.dtype) for level in maps]
        ctx.groups = groups
        dtype = reduce(torch.promote_types, [level.dtype for level in maps])
        width = maps[0].shape[-3] // groups
        count = sum(level.numel() for level in maps) // width
        table = torch.empty(count + 1, width, dtype=dtype, device=maps[0].device)
        table[count:] = 0
        for part, level in zip(_parts(table, ctx.maps), maps, strict=True):
            _copy_map(level, part)
        return table

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor | None) -> tuple:
        total = ctx.shared.take()
        if total is None or gradient is None:
            total = gradient if total is None else total
        else:
            total += gradient
        if total is None:
            return (None,) * (2 + len(ctx.maps))
        return None, None, *(part.movedim(-1, -3).to(dtype) for part, (_, dtype) in
                             zip(_parts(total, ctx.maps), ctx.maps, strict=True))


def _parts(table: Tensor, maps: Sequence[tuple[torch.Size, torch.dtype]]) -> list[Tensor]:
    """The rows of each level as [..., H, W, C]."""
    sizes = [shape.numel() // table.shape[1] for shape, _ in maps]
    return [rows.view(*shape[:-3], *shape[-2:], shape[-3]) for rows, (shape, _) in
            zip(table[:-1].split(sizes), maps, strict=True)]


def _copy_map(level: Tensor, rows: Tensor) -> None:
    """[..., C, H, W] into [..., H, W, C]."""
    if level.device.type == 'cpu' and level.dtype == rows.dtype == torch.float32 \
            and level.is_contiguous() and library() is not None and level.numel():
        cells = level.shape[-2] * level.shape[-1]
        call('sparse3d_rows_of_maps', level, rows, level[..., 0, 0, 0].numel(), level.shape[-3],
             cells, threads_for(level.numel()))
    else:
        rows.copy_(level.movedim(-3, -1))


class _WeightedRows(torch.autograd.Function):

    @staticmethod
    def forward(ctx, table: Tensor, rows: Tensor, weights: Tensor,
                shared: SharedGradient | None) -> Tensor:
        ctx.save_for_backward(table, rows, weights)
        ctx.shared = shared
        return _bags(table, rows, weights)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple:
        table, rows, weights = (value.contiguous() for value in ctx.saved_tensors)
        of_table = ctx.shared.of(table) if _adds(ctx) else None
        own = torch.zeros_like(table) if ctx.needs_input_grad[0] and ctx.shared is None else None
        of_weights = torch.empty_like(weights) if ctx.needs_input_grad[2] else None
        call('sparse3d_weighted_rows_backward', table, rows, weights, gradient.contiguous(),
             own if of_table is None else of_table, of_weights, *rows.shape, table.shape[1],
             len(table) - 1, threads_for(rows.numel() * table.shape[1]))
        return own, None, of_weights, None


def _adds(ctx) -> bool:
    """Whether this backward pass goes on to the maps, where the sum is taken."""
    if ctx.shared is None or not ctx.needs_input_grad[0]:
        return False
    return torch._C._will_engine_execute_node(ctx.next_functions[0][0])
