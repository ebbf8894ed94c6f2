"""Cells of a grid by number: keys, order, ranks within groups, segments, neighbors.

Everything that numbers cells goes through this file: voxelization, pair tables, dilation, windows
and sets, BEV maps, neighbor queries. Nothing here allocates the grid.

A key is an int64 that rises with (sample, first axis, .., last axis). A group is a set of rows of
one number; a segment is a group whose rows stand together.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sparse3d.errors import ConfigError

MAX_SAMPLES = 1 << 16  # of a batch, where its size is not known without waiting for the device
KEY_BITS = 63


def check_key_range(shape: Sequence[int], batch_size: int = MAX_SAMPLES) -> None:
    """Refuse a grid whose cells, over the batch, have more numbers than an int64 holds.

    Raises:
        ConfigError: with the extents and the way out.
    """
    cells = math.prod(int(extent) for extent in shape)
    if batch_size * cells > 1 << KEY_BITS:
        extents = ' x '.join(str(int(extent)) for extent in shape)
        raise ConfigError(f'{batch_size} samples of {extents} cells are too many to number in '
                          f'{KEY_BITS} bits; use larger voxels, a smaller range or batch')


def key_strides(shape: Sequence[int], batch_size: int = MAX_SAMPLES) -> list[int]:
    """By how much a key grows with a step of the sample and of each axis, [1 + D].

    Raises:
        ConfigError: see :func:`check_key_range`.
    """
    check_key_range(shape, batch_size)
    return [math.prod(int(extent) for extent in shape[axis:]) for axis in range(len(shape) + 1)]


def cell_keys(
        columns: Sequence[Tensor],      # 1 + D integer tensors that broadcast: sample, then axes
        shape: Sequence[int] | Tensor,  # D  cells along each axis; a tensor stays on its device
        batch_size: int = MAX_SAMPLES,
) -> Tensor:                            # int64
    """The key of each cell; the last axis is the fastest.

    Args:
        batch_size: for the check of the range. A ``shape`` on the device is not checked: who
            gives one bounds it.

    Raises:
        ConfigError: see :func:`check_key_range`.
    """
    keys = columns[0].long()
    if isinstance(shape, Tensor):
        for column, extent in zip(columns[1:], shape, strict=True):
            keys = keys * extent + column
        return keys
    check_key_range(shape, batch_size)
    for column, extent in zip(columns[1:], shape, strict=True):
        keys = torch.add(column, keys, alpha=int(extent))
    return keys


def cell_columns(
        keys: Tensor,           # int64 or int32, not negative
        shape: Sequence[int],   # D
) -> list[Tensor]:              # 1 + D  sample, then axes, in the dtype of the keys
    """The columns that :func:`cell_keys` numbered."""
    columns = []
    for extent in reversed(shape):
        rest = _divided(keys, int(extent))
        columns.append(torch.sub(keys, rest, alpha=int(extent)))
        keys = rest
    return [keys, *reversed(columns)]


def _divided(keys: Tensor, extent: int) -> Tensor:
    if keys.device.type != 'cpu':
        return keys.div(extent, rounding_mode='trunc')
    return torch.from_numpy(keys.numpy() // extent)  # NumPy divides by one number in half the time


def cell_coordinates(keys: Tensor, shape: Sequence[int]) -> Tensor:
    """The cells that :func:`cell_keys` numbered, [N] -> [N, 1 + D] int32."""
    return torch.stack(cell_columns(keys, shape), 1).int()


def sort_keys(keys: Tensor) -> tuple[Tensor, Tensor]:
    """Keys in rising order and the row of each, along the last axis; equal keys keep their order.

    On the CPU each key carries its row in its lowest bits and NumPy sorts these numbers: half the
    time of its argsort, a quarter of torch's. Keys that leave no room for that are sorted by torch.
    """
    row_bits = _spare_bits(keys)
    if not row_bits:
        return keys.sort(stable=True)
    carrying = _sorted_with_rows(keys, row_bits)
    order = carrying & ((1 << row_bits) - 1)
    return carrying.bitwise_right_shift_(row_bits).to(keys.dtype), order


def order_of_keys(keys: Tensor) -> Tensor:
    """The row of each key in rising order; :func:`sort_keys` without the keys."""
    row_bits = _spare_bits(keys)
    if not row_bits:
        return keys.argsort(stable=True)
    return _sorted_with_rows(keys, row_bits).bitwise_and_((1 << row_bits) - 1)


def _spare_bits(keys: Tensor) -> int:
    """Bits that a row number takes if the keys leave them free, else 0."""
    if keys.device.type != 'cpu' or not keys.numel():
        return 0
    row_bits = max(keys.shape[-1] - 1, 1).bit_length()
    low, high = torch.aminmax(keys)
    return row_bits if max(-int(low), int(high) + 1) <= 1 << KEY_BITS - row_bits else 0


def _sorted_with_rows(keys: Tensor, row_bits: int) -> Tensor:
    carrying = keys.long().bitwise_left_shift(row_bits).add_(torch.arange(keys.shape[-1]))
    carrying.numpy().sort(axis=-1)
    return carrying


def distinct_keys(keys: Tensor) -> tuple[Tensor, Tensor]:
    """The keys that occur, rising, and the place of each given key among them; [N] -> [M], [N]."""
    if keys.device.type != 'cpu':
        return torch.unique(keys, return_inverse=True)
    ordered, order = (result.numpy() for result in sort_keys(keys))
    first = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    places = np.empty_like(order)
    places[order] = np.cumsum(first) - 1
    return torch.from_numpy(ordered[first]), torch.from_numpy(places)


class Segments(NamedTuple):
    """Rows that stand together, segment by segment."""

    number: Tensor  # [N] int64  segment of each row
    counts: Tensor  # [G] int64  rows of each segment

    @property
    def first(self) -> Tensor:
        """First row of each segment, [G]."""
        return first_rows(self.counts)

    @property
    def rank(self) -> Tensor:
        """Place of each row within its segment, [N]."""
        return ranks_in_order(self.number, self.counts)

    def rows_from(self, begin: Tensor) -> Tensor:
        """Rows [N] of another table, in which the segments begin at ``begin`` [G]."""
        shift = begin - self.first
        return torch.arange(len(self.number), device=begin.device).add_(
            shift.index_select(0, self.number))


def segments_of(ordered: Tensor) -> Segments:
    """Segments of equal neighbors among sorted keys [N]."""
    return Segments(*torch.unique_consecutive(ordered, return_inverse=True,
                                              return_counts=True)[1:])


def segments_of_counts(counts: Tensor, rows: int | None = None) -> Segments:
    """Segments of so many rows, [G] -> rows of all of them.

    Args:
        rows: their sum, if the host knows it; otherwise it waits for it.
    """
    return Segments(torch.repeat_interleave(counts, output_size=rows), counts)


def parts_of_about(lengths: Tensor, rows_at_once: int) -> list[tuple[slice, int]]:
    """Consecutive segments of about so many rows together; bounds the memory of work on them.

    Returns:
        the segments of each part, and how many rows they have. The host waits once.
    """
    if not len(lengths):
        return []
    ends = lengths.cumsum(0).cpu().numpy()  # rows up to the end of each segment
    last = np.append(np.flatnonzero(np.diff(ends // rows_at_once)), len(ends) - 1)
    parts, begin, before = [], 0, 0
    for end, rows in zip((last + 1).tolist(), ends[last].tolist(), strict=True):
        parts.append((slice(begin, end), rows - before))
        begin, before = end, rows
    return parts


def first_rows(counts: Tensor) -> Tensor:
    """How many rows stand before each segment, [G] -> [G]."""
    return counts.cumsum(0) - counts


def ranks_in_order(groups: Tensor, counts: Tensor) -> Tensor:
    """Place of each row within its group where the rows are sorted by group, [N]."""
    ranks = torch.arange(len(groups), device=groups.device)
    return ranks.sub_(first_rows(counts).index_select(0, groups))


def ranks_in_groups(
        groups: Tensor,                 # [N] int64, below num_groups, in any order
        num_groups: int,
        order: Tensor | None = None,    # [N] int64  rows sorted by group, and then as they rank
) -> Tensor:                            # [N] int64
    """Place of each row among the rows of its group; without an order as the rows come."""
    order = order_of_keys(groups) if order is None else order
    ranks = torch.empty_like(order)
    ranks[order] = ranks_in_order(groups[order], group_counts(groups, num_groups))
    return ranks


def group_counts(groups: Tensor, num_groups: int) -> Tensor:
    """Rows of each group, [N] below ``num_groups`` -> [G] int64; a device is not waited for."""
    if groups.device.type == 'cpu':
        return torch.bincount(groups, minlength=num_groups)
    counts = torch.zeros(num_groups, dtype=torch.long, device=groups.device)
    return counts.index_add_(0, groups, torch.ones_like(groups, dtype=torch.long))


def sum_groups(values: Tensor, groups: Tensor, num_groups: int) -> Tensor:
    """Sum of the rows of each group, [N, ..] -> [G, ..]; zeros for a group without rows."""
    return values.new_zeros(num_groups, *values.shape[1:]).index_add(0, groups, values)


def mean_groups(values: Tensor, groups: Tensor, num_groups: int,
                counts: Tensor | None = None) -> Tensor:
    """Mean of the rows of each group, [N, ..] -> [G, ..]; added up in float32 or more.

    Args:
        counts: what :func:`group_counts` gave, if it is known.
    """
    work_type = torch.promote_types(values.dtype, torch.float32)
    total = sum_groups(values.to(work_type), groups, num_groups)
    counts = group_counts(groups, num_groups) if counts is None else counts
    counts = counts.clamp_min(1)
    return (total / counts.view(-1, *[1] * (values.ndim - 1))).to(values.dtype)


def max_groups(values: Tensor, groups: Tensor, num_groups: int, empty: float = 0) -> Tensor:
    """Largest value of each group, [N, ..] -> [G, ..]; equal values share the gradient.

    Args:
        empty: of a group without rows.
    """
    return _extreme_of_groups(values, groups, num_groups, empty, 'amax')


def min_groups(values: Tensor, groups: Tensor, num_groups: int, empty: float = 0) -> Tensor:
    """Smallest value of each group; see :func:`max_groups`."""
    return _extreme_of_groups(values, groups, num_groups, empty, 'amin')


def _extreme_of_groups(values: Tensor, groups: Tensor, num_groups: int, empty: float,
                       which: str) -> Tensor:
    limits = torch.finfo(values.dtype) if values.is_floating_point() else torch.iinfo(values.dtype)
    # The start is the far end: it never ties with a value, so that it takes no share of gradients.
    start = {'amax': limits.min, 'amin': limits.max}[which]
    if values.is_floating_point():
        start = math.copysign(math.inf, start)
    index = groups.view(-1, *[1] * (values.ndim - 1)).expand_as(values)
    result = values.new_full((num_groups, *values.shape[1:]), start)
    result = result.scatter_reduce(0, index, values, which)
    if empty == start:
        return result
    filled = group_counts(groups, num_groups) > 0
    return result.where(filled.view(-1, *[1] * (values.ndim - 1)), empty)


def mean_segments(values: Tensor, counts: Tensor) -> Tensor:
    """Mean of the rows of each segment, [N, ..] -> [G, ..]; sums run in the order of the rows."""
    return _reduce_segments(values, counts, 'mean')


def max_segments(values: Tensor, counts: Tensor) -> Tensor:
    """Largest value of each segment, [N, ..] -> [G, ..]; no segment is empty."""
    return _reduce_segments(values, counts, 'max')


def _reduce_segments(values: Tensor, counts: Tensor, how: str) -> Tensor:
    if not len(values):
        return values  # segment_reduce takes no empty input
    return torch.segment_reduce(values, how, lengths=counts, axis=0)


def neighbor_runs(
        sorted_keys: Tensor,            # [N] of cells (sample, z, y, x)
        sample: Tensor,                 # [M] int64
        cells: Tensor,                  # [M, 3] int64 z, y, x  of the queries, may lie outside
        shape: Sequence[int] | Tensor,  # cells along z, y, x; see cell_keys
        reach: Sequence[int],           # cells along z, y, x
) -> tuple[Tensor, Tensor]:             # [M, R] begin, [M, R] end  among the sorted keys
    """Where the cells around each query stand: a run of keys along x for each step in z and y."""
    steps = torch.cartesian_prod(*(torch.arange(-cells_away, cells_away + 1, device=cells.device)
                                   for cells_away in reach[:2]))       # [R, 2]
    z, y = (cells[:, None, :2] + steps).unbind(2)                      # [M, R] each
    left = (cells[:, 2:] - reach[2]).clamp(min=0)
    right = (cells[:, 2:] + reach[2]).clamp(max=shape[2] - 1)
    outside = (z < 0) | (z >= shape[0]) | (y < 0) | (y >= shape[1]) | (right < left)
    z, y = (row.clamp(min=0).clamp(max=extent - 1)                     # no key beyond the range
            for row, extent in zip((z, y), shape[:2], strict=True))
    start = cell_keys((sample[:, None], z, y, torch.zeros_like(sample)[:, None]), shape)
    begin = torch.searchsorted(sorted_keys, start + left)
    end = torch.searchsorted(sorted_keys, start + right, right=True)
    return begin, torch.where(outside, begin, end)
