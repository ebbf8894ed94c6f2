"""The fast backend of sparse convolution: blocks of output voxels, gathered, multiplied, summed.

The pairs of a block lie kernel offset by kernel offset: one product of matrices serves each
offset, with the weight read where it lies. Then the products of each output voxel are summed in
the order of the kernel offsets, by one thread, into a row that is written once. Nothing is
scattered, and the result does not depend on the number of threads.
"""
from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sparse3d.ops.sparse_pairs import PairTable, group_by_offset

BLOCK_BYTES = 16 * 2**20     # gathered rows and products of a block: few calls, bounded memory
MOST_ROWS = 65_536          # output rows of a block, so that they fit 16 bits


@dataclass(frozen=True)
class Block:
    """The pairs of consecutive output voxels, one kernel offset after the other."""

    input_rows: Tensor      # [P] int32
    output_rows: Tensor     # [P] int32, counted from the start of the block
    counts: list[int]       # K, pairs of each kernel offset
    by_output: Tensor       # [P] int32, pairs sorted by output row, then by kernel offset
    output_starts: Tensor   # [m + 1] int32, first place in by_output of each output, and the end

    @property
    def num_outputs(self) -> int:
        return len(self.output_starts) - 1

    def by_offset(self, of_offsets: Sequence[Tensor], *of_pairs: Tensor,
                  ) -> Iterator[list[Tensor]]:
        """For each kernel offset that has pairs, its own tensor and its rows of the others."""
        parts = zip(self.counts, of_offsets, *(rows.split(self.counts) for rows in of_pairs),
                    strict=True)
        return (tensors for count, *tensors in parts if count)


class BlockedConvolution(torch.autograd.Function):
    """``reference_convolution`` by blocks, with its derivative."""

    @staticmethod
    def forward(ctx, features: Tensor, weight: Tensor, pairs: PairTable) -> Tensor:
        """[N, C_in], [C_out, K, C_in] -> [M, C_out]."""
        ctx.save_for_backward(features, weight)
        ctx.pairs = pairs
        blocks = blocks_of(pairs, features.shape[1], weight.shape[0])
        return _multiply(features.contiguous(), weight.permute(1, 2, 0), blocks)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        features, weight = ctx.saved_tensors
        matrices = weight.transpose(0, 1)  # [K, C_out, C_in]
        # A symmetric table is its own reverse, with the kernel offsets in reverse order.
        symmetric = ctx.pairs.symmetric
        blocks = blocks_of(ctx.pairs if symmetric else ctx.pairs.reversed, *matrices.shape[1:])
        if symmetric:
            matrices = matrices.flip(0)
        gradient, of_features, of_weight = gradient.contiguous(), None, None
        if ctx.needs_input_grad[0]:
            of_features = _multiply(gradient, matrices, blocks)
        if ctx.needs_input_grad[1]:
            of_weight = _outer_products(gradient, features.contiguous(), blocks, len(matrices))
            of_weight = (of_weight.flip(0) if symmetric else of_weight).transpose(0, 1)
        return of_features, of_weight, None


def blocks_of(pairs: PairTable, in_channels: int, out_channels: int,
              block_bytes: int = BLOCK_BYTES) -> list[Block]:
    """The table cut into blocks for layers of about these channels; made once per table."""
    channels = _power_of_two(max(in_channels, out_channels))
    key = 'blocks', channels
    if key not in pairs.cache:
        num_pairs = max(int((pairs.neighbors >= 0).sum()), 1)
        block_pairs = min(block_bytes // (8 * channels), num_pairs)
        rows = min(max(block_pairs * pairs.num_outputs // num_pairs, 1), MOST_ROWS)
        pairs.cache[key] = [_block(part) for part in pairs.neighbors.split(rows, 1)]
    return pairs.cache[key]


def _power_of_two(value: int) -> int:
    return 1 << max(value - 1, 0).bit_length()


def _block(neighbors: Tensor) -> Block:
    pairs = group_by_offset(neighbors)
    outputs = pairs.output_rows.numpy()
    in_order = np.argsort(outputs.astype(np.uint16), kind='stable')  # 16 bits: a radix sort
    starts = np.zeros(neighbors.shape[1] + 1, dtype=np.int32)
    np.cumsum(np.bincount(outputs, minlength=neighbors.shape[1]), out=starts[1:])
    return Block(pairs.input_rows, pairs.output_rows, pairs.counts,
                 torch.from_numpy(in_order.astype(np.int32)), torch.from_numpy(starts))


def _multiply(
        features: Tensor,       # [N, A]
        matrices: Tensor,       # [K, A, B], any strides
        blocks: list[Block],
) -> Tensor:                    # [M, B]
    width, of_offsets = matrices.shape[2], matrices.unbind()
    result = features.new_empty(sum(block.num_outputs for block in blocks), width)
    first = 0
    for block in blocks:
        rows = _gather(features, block.input_rows, 'rows')
        products = _scratch('products', features, (len(rows), width))
        for matrix, chosen, product in block.by_offset(of_offsets, rows, products):
            torch.mm(chosen, matrix, out=product)
        result[first:first + block.num_outputs] = F.embedding_bag(
            block.by_output, products, block.output_starts, mode='sum', include_last_offset=True)
        first += block.num_outputs
    return result


def _outer_products(
        features: Tensor,       # [N, A]
        others: Tensor,         # [M, B]
        blocks: list[Block],
        num_offsets: int,
) -> Tensor:                    # [K, A, B], sum over the pairs (n, m) of an offset: x[n]^T y[m]
    total = features.new_zeros(num_offsets, features.shape[1], others.shape[1])
    sums, first = total.unbind(), 0
    for block in blocks:
        left = _gather(features, block.input_rows, 'rows')
        right = _gather(others[first:first + block.num_outputs], block.output_rows, 'others')
        for total_of_offset, chosen, other in block.by_offset(sums, left, right):
            total_of_offset.addmm_(chosen.T, other)
        first += block.num_outputs
    return total


def _gather(values: Tensor, rows: Tensor, name: str) -> Tensor:
    target = _scratch(name, values, (len(rows), *values.shape[1:]))
    return torch.index_select(values, 0, rows, out=target)


_KEPT = threading.local()


def _scratch(name: str, like: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Memory for a block, kept between calls: fresh pages cost more than the arithmetic."""
    size = int(np.prod(shape))
    memory: dict[Any, Tensor] = vars(_KEPT)
    kept = memory.get((name, like.dtype))
    if kept is None or len(kept) < size:
        with torch.inference_mode(False):  # or it could not be written to outside of that mode
            kept = torch.empty(size, dtype=like.dtype)
        memory[name, like.dtype] = kept
    return kept[:size].view(shape)
