"""Rotated sets: the voxels of a window in sets of equal size, along y and along x."""
from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from dsvt.window_partition import Window, partition_windows, position_in_window
from sparse3d.ops.cells import (
    MAX_SAMPLES,
    cell_keys,
    first_rows,
    order_of_keys,
    segments_of,
    segments_of_counts,
)

ORDERS = ('y', 'x')  # which axis comes first in partition 0 and 1


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
    ranked = torch.stack([position if order == 'x' else
                          position_in_window(inside, window.shape, order) for order in ORDERS])
    keys = cell_keys((number, ranked), (window.cells,), window.windows * MAX_SAMPLES)
    orders = order_of_keys(keys)                                   # [2, N]
    counts = segments_of(number[orders[0]]).counts
    rank = _rank_of_slots(counts, set_size, window.cells)         # [S, s]
    repeated = torch.zeros_like(rank, dtype=torch.bool)
    repeated[:, 1:] = rank[:, 1:] == rank[:, :-1]
    first = (~repeated).flatten().nonzero().squeeze(1)            # [N]  slots in sorted order
    slot_of_voxel = torch.empty_like(orders)
    slot_of_voxel.scatter_(1, orders, first.expand_as(orders))
    voxels = orders.index_select(1, rank.flatten()).view(2, *rank.shape)
    return RotatedSets(voxels, repeated.expand(2, -1, -1), slot_of_voxel, position, inside)


def _rank_of_slots(counts: Tensor, set_size: int, max_voxels: int) -> Tensor:
    """Rank among all sorted voxels that stands in each slot, [W] -> [S, s].

    Windows hold ``max_voxels`` voxels at most; where that allows it, 32 bits do.
    """
    if (max_voxels + set_size) * max_voxels < 2 ** 31:
        counts = counts.int()
    sets = (counts + set_size - 1).div(set_size, rounding_mode='trunc')
    of_windows = segments_of_counts(sets)
    window = of_windows.number                                    # [S]  window of each set
    slots = torch.arange(set_size, device=counts.device, dtype=counts.dtype)
    slot_in_window = (of_windows.rank * set_size).to(counts.dtype)[:, None] + slots  # [S, s]
    count, total = counts[window][:, None], (sets * set_size)[window][:, None]
    share = slot_in_window.mul_(count).div_(total, rounding_mode='trunc')
    return share + first_rows(counts)[window][:, None].to(counts.dtype)
