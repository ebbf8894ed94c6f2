"""Pair tables: which input voxel meets which output voxel under which kernel offset.

A sparse convolution is a sum over pairs ``(input row, output row, kernel offset)``. The tables
are built here from exact int64 keys, once per set of voxels, and shared by every layer that
works on the same voxels. Kernel offsets are numbered with the last axis fastest, as the weight
``[out, kz, ky, kx, in]`` stores them. NumPy does the searching and selecting: on sorted keys it
is several times faster than PyTorch on the CPU.

Coordinates are integer rows ``(batch, z, y, x)`` in 3D, ``(batch, y, x)`` in 2D.
"""
from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sparse3d.ops.cells import cell_coordinates, cell_keys, distinct_keys, key_strides, sort_keys
from sparse3d.ops.compiled_pairs import reaching_neighbors, submanifold_neighbors, voxel_keys


class GroupedPairs(NamedTuple):
    """Pairs of a convolution, one kernel offset after the other."""

    input_rows: Tensor      # [P] int32
    output_rows: Tensor     # [P] int32
    counts: list[int]       # K, pairs of each kernel offset


def group_by_offset(neighbors: Tensor) -> GroupedPairs:
    """The pairs of a neighbor table [K, M], in the order of the table."""
    num_offsets, count = neighbors.shape
    table = neighbors.contiguous().numpy().ravel()
    places = np.flatnonzero(table >= 0)
    row_starts = np.arange(num_offsets + 1) * count
    counts = np.diff(np.searchsorted(places, row_starts))
    outputs = (places - np.repeat(row_starts[:-1], counts)).astype(np.int32)
    return GroupedPairs(torch.from_numpy(table[places]), torch.from_numpy(outputs),
                        counts.tolist())


@dataclass(frozen=True)
class PairTable:
    """For each kernel offset and output voxel, the row of the input voxel they meet, or -1."""

    neighbors: Tensor               # [K, M] int32
    output_coordinates: Tensor      # [M, 1 + D] int32
    output_shape: tuple[int, ...]   # D
    input_coordinates: Tensor       # [N, 1 + D] int32
    input_shape: tuple[int, ...]    # D
    symmetric: bool = False         # offset k reversed is offset K - 1 - k (submanifold)
    cache: dict = field(default_factory=dict, repr=False, compare=False)  # a backend's own

    if not TYPE_CHECKING:
        def __getattr__(self, name: str) -> Tensor:
            """The neighbor table where it was dropped: made anew, not kept."""
            if name == 'neighbors' and 'neighbors' in self.cache:
                return self.cache['neighbors']()
            raise AttributeError(f'{type(self).__name__} has no attribute {name!r}')

    def drop_neighbors(self, again: Callable[[], Tensor]) -> None:
        """Free the neighbor table, which a backend keeps in another form.

        Args:
            again: makes the table anew, for whoever still asks for it.
        """
        self.cache['num_offsets'] = self.num_offsets
        self.cache['neighbors'] = again
        vars(self).pop('neighbors', None)

    @property
    def num_offsets(self) -> int:
        return self.cache.get('num_offsets') or len(self.neighbors)

    @property
    def num_inputs(self) -> int:
        return len(self.input_coordinates)

    @property
    def num_outputs(self) -> int:
        return len(self.output_coordinates)

    @cached_property
    def pairs(self) -> GroupedPairs:
        """All pairs as lists, one kernel offset after the other."""
        return group_by_offset(self.neighbors)

    @cached_property
    def reversed(self) -> PairTable:
        """The same pairs with inputs and outputs exchanged: the inverse convolution's table."""
        pairs = group_by_offset(self.neighbors)
        offsets = np.repeat(np.arange(self.num_offsets), pairs.counts)
        neighbors = _filled(self.num_offsets, self.num_inputs, offsets, pairs.input_rows.numpy(),
                            pairs.output_rows.numpy())
        return PairTable(neighbors, self.input_coordinates, self.input_shape,
                         self.output_coordinates, self.output_shape)

    def of_outputs(self, rows: Tensor) -> PairTable:
        """The pairs of some of the output voxels, in the order of ``rows`` [m] int64."""
        return PairTable(self.neighbors.index_select(1, rows),
                         self.output_coordinates.index_select(0, rows), self.output_shape,
                         self.input_coordinates, self.input_shape)


def submanifold_pairs(
        coordinates: Tensor,            # [N, 1 + D] integer (batch, z, y, x)
        spatial_shape: Sequence[int],
        kernel_size: Sequence[int],
        dilation: Sequence[int] | None = None,
) -> PairTable:
    """Pairs of a submanifold convolution: outputs are the inputs, in the same order.

    Raises:
        ValueError: if a voxel occurs twice or lies outside ``spatial_shape``.
        ConfigError: if the cells of the batch are too many to number.

    Source: Graham and van der Maaten, "Submanifold Sparse Convolutional Networks", section 3.
    """
    dilation = dilation or [1] * len(kernel_size)
    margins = [size * step for size, step in zip(kernel_size, dilation, strict=True)]
    padded = [extent + 2 * margin for extent, margin in zip(spatial_shape, margins, strict=True)]
    found = voxel_keys(coordinates, spatial_shape, padded)
    if found is None:
        coordinates = _checked(coordinates, spatial_shape)
        batch_size = _batch_size(coordinates)
        keys, order = _in_order(cell_keys(coordinates.unbind(1), padded, batch_size))
    else:
        batch_size = found.batch_size
        keys, order = (found.keys, None) if found.rising else sort_keys(found.keys)
    strides = key_strides(padded, batch_size)
    if found is None or order is not None:
        _refuse_duplicates(keys.numpy())
    steps = [step * stride for step, stride in zip(dilation, strides[1:], strict=True)]
    symmetric = _is_symmetric(kernel_size)
    neighbors = submanifold_neighbors(keys, order, kernel_size, steps, symmetric)
    if neighbors is None:
        neighbors = _in_given_order(_neighbors(keys.numpy(), kernel_size, steps), order)
    shape = tuple(int(extent) for extent in spatial_shape)
    rows = coordinates.to(torch.int32, copy=True)  # who keeps a table does not keep what was given
    return PairTable(neighbors, rows, shape, rows, shape, symmetric=symmetric)


def strided_pairs(
        coordinates: Tensor,            # [N, 1 + D] integer (batch, z, y, x)
        spatial_shape: Sequence[int],
        kernel_size: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
) -> PairTable:
    """Pairs of a strided convolution: every output voxel that at least one input reaches.

    Outputs are sorted by (batch, z, y, x). The arithmetic of positions is that of
    ``torch.nn.functional.conv3d``.

    Raises:
        ValueError: if a voxel occurs twice or lies outside ``spatial_shape``, or nothing is left
            of the volume.
        ConfigError: if the cells of the batch are too many to number.
    """
    output_shape = [
        (extent + 2 * pad - step * (size - 1) - 1) // jump + 1 for extent, size, jump, pad, step
        in zip(spatial_shape, kernel_size, stride, padding, dilation, strict=True)]

    def reach(axis: int, position: np.ndarray, at: int) -> tuple[np.ndarray, np.ndarray]:
        shifted = position + (padding[axis] - at * dilation[axis])
        target = shifted // stride[axis]
        return target, target * stride[axis] == shifted

    return _reaching_pairs(coordinates, spatial_shape, output_shape, kernel_size, reach)


def transposed_pairs(
        coordinates: Tensor,            # [N, 1 + D] integer (batch, z, y, x)
        spatial_shape: Sequence[int],
        kernel_size: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        output_padding: Sequence[int],
) -> PairTable:
    """Pairs of a transposed convolution: every output voxel that an input spreads to.

    Outputs are sorted by (batch, z, y, x). The arithmetic of positions is that of
    ``torch.nn.functional.conv_transpose3d``.

    Raises:
        ValueError: if a voxel occurs twice or lies outside ``spatial_shape``, or nothing is left
            of the volume.
        ConfigError: if the cells of the batch are too many to number.
    """
    output_shape = [
        (extent - 1) * jump - 2 * pad + step * (size - 1) + 1 + extra
        for extent, size, jump, pad, step, extra in zip(
            spatial_shape, kernel_size, stride, padding, dilation, output_padding, strict=True)]

    def reach(axis: int, position: np.ndarray, at: int) -> tuple[np.ndarray, np.ndarray]:
        target = position * stride[axis] + (at * dilation[axis] - padding[axis])
        return target, np.ones_like(target, dtype=bool)

    return _reaching_pairs(coordinates, spatial_shape, output_shape, kernel_size, reach)


def _reaching_pairs(coordinates, spatial_shape, output_shape, kernel_size, reach) -> PairTable:
    """Pairs of all (input, kernel offset) whose target lies in the output volume."""
    found = voxel_keys(coordinates, spatial_shape, spatial_shape)
    if found is None:
        coordinates = _checked(coordinates, spatial_shape)
    if min(output_shape) < 1:
        raise ValueError(f'a kernel of {list(kernel_size)} leaves nothing of the spatial shape '
                         f'{list(spatial_shape)}; use a smaller kernel or more padding')
    batch_size = _batch_size(coordinates) if found is None else found.batch_size
    if found is None or not found.rising:  # else the reading told that each is there once
        cells = cell_keys(coordinates.unbind(1), spatial_shape, batch_size) if found is None \
            else found.keys
        _refuse_duplicates(_in_order(cells)[0].numpy())
    strides = key_strides(output_shape, batch_size)
    shape = tuple(int(extent) for extent in spatial_shape)
    given = coordinates.to(torch.int32, copy=True)
    table = reaching_neighbors(given, shape, output_shape, kernel_size, reach, batch_size)
    if table is not None:
        return PairTable(*table, tuple(output_shape), given, shape)
    coordinates = coordinates.long()
    columns = [np.ascontiguousarray(column) for column in coordinates.numpy().T]
    rows, keys = np.arange(len(coordinates)), columns[0] * strides[0]
    offsets = np.zeros_like(rows)
    for axis, (size, extent) in enumerate(zip(kernel_size, output_shape, strict=True)):
        reached, position = [], columns[axis + 1][rows]
        for at in range(size):
            target, valid = reach(axis, position, at)
            kept = np.flatnonzero(valid & (target >= 0) & (target < extent))
            reached.append((rows[kept], keys[kept] + target[kept] * strides[axis + 1],
                            offsets[kept] * size + at))
        rows, keys, offsets = (np.concatenate(parts) for parts in zip(*reached, strict=True))
    output_keys, output_rows = distinct_keys(torch.from_numpy(keys))
    neighbors = _filled(
        math.prod(kernel_size), len(output_keys), offsets, output_rows.numpy(), rows)
    return PairTable(neighbors, cell_coordinates(output_keys, output_shape), tuple(output_shape),
                     given, shape)


def _filled(num_offsets: int, num_outputs: int, offsets: np.ndarray, output_rows: np.ndarray,
            input_rows: np.ndarray) -> Tensor:
    """The neighbor table [K, M] that holds the given pairs."""
    neighbors = np.full(num_offsets * num_outputs, -1, dtype=np.int32)
    neighbors[offsets * num_outputs + output_rows] = input_rows
    return torch.from_numpy(neighbors).view(num_offsets, num_outputs)


def _checked(coordinates: Tensor, spatial_shape: Sequence[int]) -> Tensor:
    """Coordinates as int64, or an error that says which of them cannot be."""
    width = len(spatial_shape) + 1
    if coordinates.ndim != 2 or coordinates.shape[1] != width:
        raise ValueError(f'coordinates must be [N, {width}] (batch, then one column per axis of '
                         f'the spatial shape), got {list(coordinates.shape)}')
    if len(coordinates) and (coordinates.is_floating_point() or coordinates.is_complex()):
        raise ValueError(f'voxel coordinates are whole numbers, not {coordinates.dtype}; round '
                         'them as the grid does, then .int()')
    coordinates = coordinates.long()
    if len(coordinates):
        low, high = torch.aminmax(coordinates, dim=0)
        too_high = [top >= extent for top, extent in zip(high[1:], spatial_shape, strict=True)]
        if int(low.min()) < 0 or any(too_high):
            raise ValueError(f'voxel coordinates run from {low.tolist()} to {high.tolist()} '
                             f'(batch first), outside the spatial shape {list(spatial_shape)}')
        if int(high.max()) > torch.iinfo(torch.int32).max:
            raise ValueError(f'voxel coordinates run to {high.tolist()} (batch first), more than '
                             'the 32 bits of a pair table hold; number the samples from 0')
    return coordinates


def _refuse_duplicates(ordered: np.ndarray) -> None:
    repeated = int((ordered[1:] == ordered[:-1]).sum())
    if repeated:
        raise ValueError(f'{repeated} voxels occur more than once; a sparse convolution needs '
                         'each voxel once per sample')


def _batch_size(coordinates: Tensor) -> int:
    return int(coordinates[:, 0].max()) + 1 if len(coordinates) else 1


def _is_symmetric(kernel_size: Sequence[int]) -> bool:
    return all(size % 2 for size in kernel_size)


def _neighbors(keys: np.ndarray, kernel_size: Sequence[int],
               steps: Sequence[int]) -> np.ndarray:
    """Neighbor table [K, N] among sorted distinct keys; ``steps`` are key differences per axis.

    An odd kernel needs half of the searches: who has a neighbor ahead is behind that neighbor.
    """
    count, num_offsets = len(keys), math.prod(kernel_size)
    everyone = np.arange(count, dtype=np.int32)
    table = np.full((num_offsets, count + 1), -1, dtype=np.int32)  # one column to spare
    symmetric = _is_symmetric(kernel_size)
    for offset, place in enumerate(_places(keys, kernel_size, steps)):
        if symmetric and offset == num_offsets // 2:
            table[offset, :count] = everyone
            break
        table[offset, :count] = place
        if symmetric:
            table[num_offsets - 1 - offset, place] = everyone  # nobody's place is the spare one
    return table[:, :count]


def _places(keys: np.ndarray, kernel_size: Sequence[int],
            steps: Sequence[int]) -> Iterator[np.ndarray]:
    """For each kernel offset, the place of everyone's neighbor among ``keys``, or -1."""
    ended = np.append(keys, np.iinfo(np.int64).max)
    *outer, width = kernel_size
    for at in itertools.product(*map(range, outer)):
        shift = sum((index - size // 2) * step
                    for index, size, step in zip(at, kernel_size, steps, strict=False))
        place: np.ndarray | None = None
        found: np.ndarray | None = None
        for index in range(width):
            wanted = keys + (shift + (index - width // 2) * steps[-1])
            if place is None or found is None or steps[-1] != 1:
                place = np.searchsorted(keys, wanted).astype(np.int32)
            else:
                place = place + found  # the next key stands where this one does, or behind it
            found = ended[place] == wanted
            yield np.where(found, place, -1)


def _in_order(keys: Tensor) -> tuple[Tensor, Tensor | None]:
    """Keys in rising order and the row of each; None for keys that stood so."""
    if bool((keys[1:] >= keys[:-1]).all()):
        return keys, None
    return sort_keys(keys)


def _in_given_order(neighbors: np.ndarray, order: Tensor | None) -> Tensor:
    """From a table among sorted voxels to one among the voxels as they were given."""
    if order is not None:
        rows = order.numpy()
        rank = np.empty_like(rows)
        rank[rows] = np.arange(len(rows))
        named = np.append(rows, -1).astype(np.int32)
        neighbors = named[neighbors[:, rank]]  # -1 reads the last entry
    return torch.from_numpy(np.ascontiguousarray(neighbors))
