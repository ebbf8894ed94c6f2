"""The compiled backend of sparse convolution: gather, multiply and add up in registers.

No row is copied and no product stored; see ``kernels/sparse_convolution.cpp``. The results do not
depend on the number of threads.
"""
from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from sparse3d.ops.compiled_kernels import call, call_for_result, library, threads_for
from sparse3d.ops.sparse_pairs import PairTable

MOST_ROWS, FEWEST_ROWS, BLOCKS = 512, 64, 32    # output rows of a block stay in the L2 cache
NAMES = {torch.float32: 'float32', torch.float64: 'float64', torch.bfloat16: 'bfloat16'}


class PairLists(NamedTuple):
    """Pairs of blocks of consecutive output voxels, kernel offset by kernel offset."""

    starts: Tensor          # [blocks * K + 1] int64
    input_rows: Tensor      # [P] int32
    output_rows: Tensor     # [P] int32
    num_offsets: int
    num_blocks: int
    rows_of_block: int
    num_outputs: int


class CompiledConvolution(torch.autograd.Function):
    """``reference_convolution`` by the compiled kernels, with its derivative."""

    @staticmethod
    def forward(ctx, features: Tensor, weight: Tensor, pairs: PairTable) -> Tensor:
        """[N, C_in], [C_out, K, C_in] -> [M, C_out], both float32 or float64."""
        ctx.save_for_backward(features, weight)
        ctx.pairs = pairs
        return _multiply(features, weight.permute(1, 2, 0), lists_of(pairs))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        features, weight = ctx.saved_tensors
        return (*_gradients(ctx, features, weight, gradient, gradient), None)


class Bfloat16Convolution(torch.autograd.Function):
    """The same on bfloat16 with sums in float32, by the processor's own products of bfloat16.

    Only what comes back through a rounding to bfloat16 may be differentiated: the gradient of the
    result is taken as bfloat16.
    """

    @staticmethod
    def forward(ctx, features: Tensor, weight: Tensor, pairs: PairTable) -> Tensor:
        """[N, C_in], [C_out, K, C_in] -> [M, C_out] float32."""
        ctx.save_for_backward(features, weight)
        ctx.pairs = pairs
        return _multiply(features, weight.permute(1, 2, 0), lists_of(pairs))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        features, weight = ctx.saved_tensors
        kind = torch.bfloat16 if weight.shape[0] % 2 == 0 else torch.float32
        of_features, of_weight = _gradients(
            ctx, features, weight.to(kind), gradient.to(kind), gradient)
        return (None if of_features is None else of_features.to(features.dtype),
                None if of_weight is None else of_weight.to(weight.dtype), None)


def _gradients(ctx, features: Tensor, weight: Tensor, gradient: Tensor,
               exact: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of features [N, C_in] and weight [C_out, K, C_in], where they are wanted.

    Args:
        gradient: of the result, in the type of ``weight``; ``exact``: the same, not rounded.
    """
    of_features = of_weight = None
    if ctx.needs_input_grad[0]:
        matrices, table = weight.transpose(0, 1), ctx.pairs  # [K, C_out, C_in]
        if table.symmetric:  # its own reverse, with the kernel offsets in reverse order
            of_features = _multiply(gradient, matrices.flip(0), lists_of(table))
        else:
            of_features = _multiply(gradient, matrices, reversed_lists_of(table))
    if ctx.needs_input_grad[1]:
        of_weight = _weight_gradient(features.to(exact.dtype), exact, lists_of(ctx.pairs))
    return of_features, of_weight


def multiplies_bfloat16(channels: int) -> bool:
    """Whether the kernels and the processor multiply rows of so many bfloat16 channels."""
    return channels % 2 == 0 and channels > 0 and library() is not None \
        and bool(call_for_result('sparse3d_has_bfloat16'))


def lists_of(pairs: PairTable) -> PairLists:
    """The lists of a table; made once, for all layers that share it.

    They hold all that the table does in a fraction of its memory, so it is dropped.
    """
    if 'lists' not in pairs.cache:
        lists = _lists(pairs.neighbors.contiguous(), _rows_of_block(pairs.num_outputs))
        pairs.cache['lists'] = lists
        pairs.drop_neighbors(partial(neighbors_of, lists))  # can be pickled, as a lambda cannot
    return pairs.cache['lists']


def reversed_lists_of(pairs: PairTable) -> PairLists:
    """The lists of ``pairs.reversed``, made once and without that table."""
    if 'reversed lists' not in pairs.cache:
        pairs.cache['reversed lists'] = _reversed(lists_of(pairs), pairs.num_inputs)
    return pairs.cache['reversed lists']


def neighbors_of(lists: PairLists) -> Tensor:
    """The neighbor table [K, M] int32 that lists were made of."""
    counts = lists.starts.diff()
    offsets = torch.arange(len(counts)).remainder_(lists.num_offsets).repeat_interleave(counts)
    neighbors = torch.full((lists.num_offsets, lists.num_outputs), -1, dtype=torch.int32)
    neighbors[offsets, lists.output_rows.long()] = lists.input_rows
    return neighbors


def _rows_of_block(rows: int) -> int:
    return min(max(-(-rows // BLOCKS), FEWEST_ROWS), MOST_ROWS)


def _reversed(lists: PairLists, num_inputs: int) -> PairLists:
    rows = _rows_of_block(num_inputs)
    num_blocks = -(-num_inputs // rows)
    starts = torch.empty(num_blocks * lists.num_offsets + 1, dtype=torch.int64)
    input_rows, output_rows = torch.empty(2, len(lists.input_rows), dtype=torch.int32)
    call_for_result('sparse3d_reverse_lists', lists.starts, lists.input_rows, lists.output_rows,
                    lists.num_offsets, lists.num_blocks, rows, num_blocks, starts, input_rows,
                    output_rows)
    return PairLists(starts, input_rows, output_rows, lists.num_offsets, num_blocks, rows,
                     num_inputs)


def _lists(neighbors: Tensor, rows_of_block: int) -> PairLists:
    num_offsets, num_outputs = neighbors.shape
    num_blocks = -(-num_outputs // rows_of_block)
    starts = torch.empty(num_blocks * num_offsets + 1, dtype=torch.int64)
    threads = threads_for(neighbors.numel())
    sizes = num_offsets, num_outputs, rows_of_block, num_blocks
    call('sparse3d_count_pairs', neighbors, *sizes, starts, threads)
    input_rows, output_rows = torch.empty(2, int(starts[-1]), dtype=torch.int32)
    call('sparse3d_list_pairs', neighbors, *sizes, starts, input_rows, output_rows, threads)
    return PairLists(starts, input_rows, output_rows, num_offsets, num_blocks, rows_of_block,
                     num_outputs)


def _multiply(
        features: Tensor,       # [N, A]
        matrices: Tensor,       # [K, A, B], any strides
        lists: PairLists,
) -> Tensor:                    # [M, B]
    depth, width = matrices.shape[1:]
    work_type = torch.promote_types(features.dtype, torch.float32)
    result = features.new_empty(lists.num_outputs, width, dtype=work_type)
    call(f'sparse3d_convolve_{NAMES[features.dtype]}', features.contiguous(), matrices, result,
         *lists, depth, width, *matrices.stride(),
         threads_for(len(lists.input_rows) * depth * width))
    return result


def _weight_gradient(
        features: Tensor,       # [N, C_in]
        gradient: Tensor,       # [M, C_out]
        lists: PairLists,
) -> Tensor:                    # [C_out, K, C_in]
    in_channels, out_channels = features.shape[1], gradient.shape[1]
    total = features.new_empty(out_channels, lists.num_offsets, in_channels)
    call(f'sparse3d_weight_gradient_{NAMES[features.dtype]}', features.contiguous(),
         gradient.contiguous(), total, *lists, in_channels, out_channels,
         threads_for(len(lists.input_rows) * in_channels * out_channels))
    return total
