"""The fast backend of sparse convolution: blocks of output voxels, gathered, multiplied, summed.

The pairs of a block lie kernel offset by kernel offset, cut into tiles of equally many rows (the
last tile of an offset is filled up), so that one batched product serves the whole block; then
the products of each output voxel are summed in the order of the kernel offsets, by one thread,
into a row that is written once. Nothing is scattered, and the result does not depend on the
number of threads. A block needs few parallel regions: on a busy machine every one of them may
wait for a thread that is not running, which is why the offsets are not multiplied one by one.
"""
from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sparse3d.ops.sparse_pairs import PairTable, group_by_offset

BLOCK_BYTES = 4 * 2**20      # gathered rows and products of a block: they stay in the cache
MOST_ROWS = 65_536          # output rows of a block, so that they fit 16 bits
LEAST_TILE, MOST_TILE = 16, 128


@dataclass(frozen=True)
class Block:
    """The pairs of consecutive output voxels in tiles of ``R`` rows; filled rows are row 0."""

    input_rows: Tensor      # [T * R] int32
    output_rows: Tensor     # [T * R] int32, counted from the start of the block
    filled: Tensor          # [F] int64, rows of tiles that hold no pair
    tile_offsets: Tensor    # [T] int32, kernel offset of each tile, rising
    offset_starts: Tensor   # [K + 1] int32, first tile of each kernel offset, and the end
    by_output: Tensor       # [P] int32, rows sorted by output row, then by kernel offset
    output_starts: Tensor   # [m + 1] int32, first place in by_output of each output, and the end

    @property
    def num_outputs(self) -> int:
        return len(self.output_starts) - 1

    @property
    def num_tiles(self) -> int:
        return len(self.tile_offsets)

    @property
    def tile_rows(self) -> int:
        return len(self.input_rows) // max(self.num_tiles, 1)

    def in_tiles(self, rows: Tensor) -> Tensor:
        """[T * R, C] -> [T, R, C]."""
        return rows.view(self.num_tiles, self.tile_rows, rows.shape[1])


class BlockedConvolution(torch.autograd.Function):
    """``reference_convolution`` by blocks, with its derivative."""

    @staticmethod
    def forward(ctx, features: Tensor, weight: Tensor, pairs: PairTable) -> Tensor:
        """[N, C_in], [C_out, K, C_in] -> [M, C_out]."""
        ctx.save_for_backward(features, weight)
        ctx.pairs = pairs
        matrices = weight.transpose(0, 1).contiguous()  # [K, C_out, C_in]: copies whole rows
        blocks = blocks_of(pairs, features.shape[1], weight.shape[0])
        return _multiply(features.contiguous(), matrices, blocks, transposed=True)

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
            of_features = _multiply(gradient, matrices.contiguous(), blocks)
        if ctx.needs_input_grad[1]:
            of_weight = _outer_products(gradient, features.contiguous(), blocks)
            of_weight = (of_weight.flip(0) if symmetric else of_weight).transpose(0, 1)
        return of_features, of_weight, None


def blocks_of(pairs: PairTable, in_channels: int, out_channels: int) -> list[Block]:
    """The table cut into blocks for layers of about these channels; made once per table."""
    channels = _power_of_two(max(in_channels, out_channels))
    key = 'blocks', channels
    if key not in pairs.cache:
        num_pairs = max(int((pairs.neighbours >= 0).sum()), 1)
        block_pairs = min(BLOCK_BYTES // (8 * channels), num_pairs)
        rows = min(max(block_pairs * pairs.num_outputs // num_pairs, 1), MOST_ROWS)
        tile = _tile_rows(block_pairs / max(pairs.num_offsets, 1), channels)
        pairs.cache[key] = [_block(part, tile) for part in pairs.neighbours.split(rows, 1)]
    return pairs.cache[key]


def _tile_rows(pairs_per_offset: float, channels: int) -> int:
    """Rows of a tile: few are filled in vain, yet a tile outweighs the matrix copied for it."""
    rows = max(pairs_per_offset / 8, min(channels, pairs_per_offset))
    return min(max(_power_of_two(int(rows)), LEAST_TILE), MOST_TILE)


def _power_of_two(value: int) -> int:
    return 1 << max(value - 1, 0).bit_length()


def _block(neighbours: Tensor, tile: int) -> Block:
    pairs = group_by_offset(neighbours)
    counts, outputs = np.array(pairs.counts), pairs.output_rows.numpy()
    tiles = -(-counts // tile)
    pair_starts, tile_starts = _starts(counts), _starts(tiles)
    moved = np.repeat(tile_starts[:-1] * tile - pair_starts[:-1], counts)
    rows = np.arange(len(outputs)) + moved
    is_filled = np.ones(tile_starts[-1] * tile, dtype=bool)
    is_filled[rows] = False
    in_order = np.argsort(outputs.astype(np.uint16), kind='stable')  # 16 bits: a radix sort
    arrays = (
        _spread(pairs.input_rows.numpy(), rows, len(is_filled)),
        _spread(outputs, rows, len(is_filled)), np.flatnonzero(is_filled),
        np.repeat(np.arange(len(counts)), tiles).astype(np.int32), tile_starts.astype(np.int32),
        rows[in_order].astype(np.int32),
        _starts(np.bincount(outputs, minlength=neighbours.shape[1])).astype(np.int32))
    return Block(*map(torch.from_numpy, arrays))


def _starts(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts)])


def _spread(values: np.ndarray, rows: np.ndarray, size: int) -> np.ndarray:
    spread = np.zeros(size, dtype=np.int32)
    spread[rows] = values
    return spread


def _multiply(
        features: Tensor,       # [N, A]
        matrices: Tensor,       # [K, A, B], or [K, B, A] if transposed
        blocks: list[Block],
        transposed: bool = False,
) -> Tensor:                    # [M, B]
    width = matrices.shape[1 if transposed else 2]
    result = features.new_empty(sum(block.num_outputs for block in blocks), width)
    first = 0
    for block in blocks:
        rows = block.in_tiles(_gather(features, block.input_rows, 'rows'))
        chosen = _gather(matrices, block.tile_offsets, 'matrices')
        products = _scratch('products', features, (*rows.shape[:2], width))
        torch.bmm(rows, chosen.mT if transposed else chosen, out=products)  # [T, R, B]
        result[first:first + block.num_outputs] = _sum(
            products.flatten(0, 1), block.by_output, block.output_starts)
        first += block.num_outputs
    return result


def _outer_products(
        features: Tensor,       # [N, A]
        others: Tensor,         # [M, B]
        blocks: list[Block],
) -> Tensor:                    # [K, A, B], sum over the pairs (n, m) of an offset: x[n]^T y[m]
    num_offsets = len(blocks[0].offset_starts) - 1 if blocks else 0
    total = features.new_zeros(num_offsets, features.shape[1] * others.shape[1])
    first = 0
    for block in blocks:
        left = block.in_tiles(_gather(features, block.input_rows, 'rows'))
        right = _gather(others[first:first + block.num_outputs], block.output_rows, 'others')
        right.index_fill_(0, block.filled, 0)
        right = block.in_tiles(right)
        products = _scratch('products', features, (len(left), left.shape[2], right.shape[2]))
        torch.bmm(left.transpose(1, 2), right, out=products)  # [T, A, B]
        tiles = torch.arange(block.num_tiles, dtype=torch.int32)
        total += _sum(products.view(-1, total.shape[1]), tiles, block.offset_starts)
        first += block.num_outputs
    return total.view(num_offsets, features.shape[1], others.shape[1])


def _sum(rows: Tensor, order: Tensor, starts: Tensor) -> Tensor:
    """Sums of consecutive parts of ``rows[order]``, added in that order."""
    return F.embedding_bag(order, rows, starts, mode='sum', include_last_offset=True)


def _gather(values: Tensor, rows: Tensor, name: str) -> Tensor:
    target = _scratch(name, values, (len(rows), *values.shape[1:]))
    return torch.index_select(values, 0, rows, out=target)


_KEPT = threading.local()


def _scratch(name: str, like: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Memory for a block, kept between calls: fresh pages cost more than the arithmetic."""
    size = int(np.prod(shape))
    kept = vars(_KEPT).get((name, like.dtype))
    if kept is None or len(kept) < size:
        with torch.inference_mode(False):  # or it could not be written to outside of that mode
            kept = torch.empty(size, dtype=like.dtype)
        vars(_KEPT)[name, like.dtype] = kept
    return kept[:size].view(shape)
