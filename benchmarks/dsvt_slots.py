"""Partition and attention the way they were released: padded tables, slot after slot.

Only to measure against and to test with. A CUDA kernel of the release numbers the voxels of
a window in no particular order; here a stable sort does, which gives the same sets.
"""
from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from dsvt.rotated_sets import ORDERS
from dsvt.set_attention import SetAttention
from dsvt.window_partition import Window, position_in_window, windows_along


def sets_by_padding(coordinates: Tensor, window: Window,
                    set_size: int) -> tuple[Tensor, Tensor]:
    """``voxels`` and ``repeated`` of :func:`dsvt.rotated_sets.rotated_sets`.

    A table has a place for every cell of every occupied window; sets look voxels up there.
    """
    number, inside = _windows_by_columns(coordinates, window)
    unique, dense = torch.unique(number, return_inverse=True)
    wanted = _positions_of_sets(torch.bincount(dense), window.cells, set_size)
    rank = _rank_in_group(dense)
    by_rank = torch.sort(dense * window.cells + rank)[1]
    tables = [_sets_of_order(dense, rank, by_rank, position_in_window(inside, window.shape, order),
                             wanted, len(unique), window.cells) for order in ORDERS]
    voxels = torch.stack(tables)
    left = torch.roll(voxels, shifts=1, dims=-1)
    left[:, :, 0] = -1
    return voxels, voxels == left


def attend_slot_by_slot(attention: SetAttention, features: Tensor, position: Tensor,
                        voxels: Tensor, repeated: Tensor) -> Tensor:
    """:class:`dsvt.set_attention.SetAttention` with every slot projected, repeats as well."""
    slots, positions = features[voxels], position[voxels]
    mixed = attention.self_attn(slots + positions, slots + positions, slots,
                                key_padding_mask=repeated, need_weights=False)[0]
    first = ~repeated.flatten()
    scattered = torch.zeros_like(features).index_copy(
        0, voxels.flatten()[first], mixed.flatten(0, 1)[first])
    hidden = attention.norm1(features + scattered)
    return attention.norm2(hidden + attention.linear2(F.gelu(attention.linear1(hidden))))


def _windows_by_columns(coordinates: Tensor, window: Window) -> tuple[Tensor, Tensor]:
    """:func:`dsvt.window_partition.partition_windows`, every axis divided and reduced."""
    shift_z = 0 if window.shape[2] >= window.grid[2] else window.shift[2]
    shifted = [coordinates[:, 3] + window.shift[0], coordinates[:, 2] + window.shift[1],
               coordinates[:, 1] + shift_z]
    x, y, z = (cell // extent for cell, extent in zip(shifted, window.shape, strict=True))
    along_y, along_z = windows_along(window, 1), windows_along(window, 2)
    per_sample = windows_along(window, 0) * along_y * along_z
    number = coordinates[:, 0].long() * per_sample + x * along_y * along_z + y * along_z + z
    inside = [cell % extent for cell, extent in zip(shifted, window.shape, strict=True)]
    return number, torch.stack(inside[::-1], dim=-1).long()


def _positions_of_sets(counts: Tensor, cells: int, set_size: int) -> Tensor:
    """Place in the table of each slot, [S, s]; the division in float64, as published."""
    sets = torch.ceil(counts / set_size).long()
    window = torch.repeat_interleave(torch.arange(len(counts)), sets)
    first = torch.cumsum(sets, 0) - sets
    in_window = torch.arange(len(window)) - first[window]
    slots = in_window[:, None] * set_size + torch.arange(set_size)
    share = (slots * counts[window][:, None]).double() / (sets[window] * set_size)[:, None].double()
    return (share.floor() + window[:, None] * cells).long()


def _rank_in_group(group: Tensor) -> Tensor:
    order = torch.argsort(group, stable=True)
    counts = torch.bincount(group)
    first = torch.cumsum(counts, 0) - counts
    rank = torch.empty_like(group)
    rank[order] = torch.arange(len(group)) - first[group[order]]
    return rank


def _sets_of_order(dense: Tensor, rank: Tensor, by_rank: Tensor, position: Tensor, wanted: Tensor,
                   windows: int, cells: int) -> Tensor:
    by_place = torch.sort(dense * cells + position)[1]
    ordered = -torch.ones_like(rank)
    ordered.scatter_(0, by_place, rank[by_rank])
    table = -torch.ones(windows * cells, dtype=torch.long)
    table[ordered + cells * dense] = torch.arange(len(dense))
    return table[wanted]
