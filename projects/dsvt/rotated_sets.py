"""Rotated sets: the voxels of a window in sets of equal size, along y and along x."""
from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from dsvt.window_partition import Window, partition_windows, position_in_window

ORDERS = ('y', 'x')  # which axis comes first in partition 0 and 1
SPARE_BITS = 24      # of a key; the others number the cells of a batch, 5e11 of them


class RotatedSets(NamedTuple):
    """Two partitions of the same voxels into sets, partition 0 along y and 1 along x first.

    Every voxel belongs to one set of each partition. A set that has too few voxels
    repeats them; repeats stand behind their voxel, in the same set, and are masked.
    """

    voxels: Tensor          # [2, S, s] int64  row of the voxel in each slot
    repeated: Tensor        # [2, S, s] bool   the slot repeats its left neighbor
    slot_of_voxel: Tensor   # [2, N] int64     the slot, in S * s, where each voxel stands first
    position: Tensor        # [N] int64        cell of the voxel inside its window, x, y, z order
    inside: Tensor          # [N, 3] int64     z, y, x inside the window


def rotated_sets(
        coordinates: Tensor,  # [N, 4]  sample, z, y, x  integers, in any order
        window: Window,
        set_size: int,
) -> RotatedSets:
    """Divide each window into sets of ``set_size`` slots.

    A window of n voxels has S = ceil(n / s) sets; slot k of set j holds the voxel of
    rank floor((j s + k) n / (S s)) in the order of the partition, so that the voxels
    spread evenly. The order of the rows does not matter, and nothing is random.

    Source: DSVT (CVPR 2023), equations 2 to 4.
    """
    number, inside = partition_windows(coordinates, window)
    position = position_in_window(inside, window.shape, 'x')
    keys = [number * window.cells + (position if order == 'x' else
                                     position_in_window(inside, window.shape, order))
            for order in ORDERS]
    orders = _order_of_distinct(torch.stack(keys))                # [2, N]
    counts = torch.unique_consecutive(number[orders[0]], return_counts=True)[1]
    rank = _rank_of_slots(counts, set_size, window.cells)         # [S, s]
    repeated = torch.zeros_like(rank, dtype=torch.bool)
    repeated[:, 1:] = rank[:, 1:] == rank[:, :-1]
    first = (~repeated).flatten().nonzero().squeeze(1)            # [N]  slots in sorted order
    slot_of_voxel = torch.empty_like(orders)
    slot_of_voxel.scatter_(1, orders, first.expand_as(orders))
    voxels = orders.index_select(1, rank.flatten()).view(2, *rank.shape)
    return RotatedSets(voxels, repeated.expand(2, -1, -1), slot_of_voxel, position, inside)


def _order_of_distinct(keys: Tensor) -> Tensor:
    """``argsort`` along the last axis of keys >= 0 that are distinct, [2, N]."""
    row_bits = keys.shape[1].bit_length()
    if keys.device.type != 'cpu' or row_bits > SPARE_BITS:
        return keys.argsort(dim=1)
    # numpy sorts whole numbers in half the time of their argsort, a quarter of torch's: each key
    # carries its row in the lowest bits.
    carrying = keys.bitwise_left_shift(row_bits).add_(torch.arange(keys.shape[1]))
    carrying.numpy().sort(axis=1)
    return carrying.bitwise_and_((1 << row_bits) - 1)


def _rank_of_slots(counts: Tensor, set_size: int, max_voxels: int) -> Tensor:
    """Rank among all sorted voxels that stands in each slot, [W] -> [S, s].

    Windows hold ``max_voxels`` voxels at most; where that allows it, 32 bits do.
    """
    if (max_voxels + set_size) * max_voxels < 2 ** 31:
        counts = counts.int()
    sets = (counts + set_size - 1).div(set_size, rounding_mode='trunc')
    window = torch.repeat_interleave(sets)                        # [S]  window of each set
    first_set, first_voxel = (total.cumsum(0) - total for total in (sets, counts))
    set_in_window = torch.arange(len(window), device=counts.device) - first_set[window]
    slots = torch.arange(set_size, device=counts.device, dtype=counts.dtype)
    slot_in_window = (set_in_window * set_size).to(counts.dtype)[:, None] + slots   # [S, s]
    count, total = counts[window][:, None], (sets * set_size)[window][:, None]
    share = slot_in_window.mul_(count).div_(total, rounding_mode='trunc')
    return share + first_voxel[window][:, None].to(counts.dtype)
