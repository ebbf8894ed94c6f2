"""Neighbor tables by the compiled kernels: sorted keys merged, outputs marked in a bitmap.

Each function returns what its counterpart in :mod:`sparse3d.ops.sparse_pairs` computes with NumPy,
or None where that one has to do it: without kernels, or for volumes whose tables would be large.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sparse3d.ops.cells import KEY_BITS, MAX_SAMPLES
from sparse3d.ops.compiled_kernels import call, call_for_result, library, threads_for

Reach = Callable[[int, np.ndarray, int], tuple[np.ndarray, np.ndarray]]
MOST_AXES = 8               # as in kernels/pair_tables.cpp
WORDS_PER_VOXEL = 64        # of 64 cells each; a bitmap larger than that is not worth clearing
FEWEST_WORDS = 1 << 18
LONGEST_AXES = 1 << 18      # cells of all axes together
OUTSIDE, FALLING, REPEATED = 1, 2, 4    # bits, as in kernels/pair_tables.cpp


class VoxelKeys(NamedTuple):
    """Keys [N] int64 of voxels, whether they rise, and the number of samples."""

    keys: Tensor
    rising: bool
    batch_size: int


def voxel_keys(
        coordinates: Tensor,            # [N, 1 + D] int32
        spatial_shape: Sequence[int],
        padded: Sequence[int],          # D, the volume that the keys number
) -> VoxelKeys | None:
    """What the checks of a pair table need, in one reading.

    None for what others have to name: voxels outside, keys too large, equal keys in a row.
    """
    if library() is None or coordinates.dtype != torch.int32 or coordinates.ndim != 2 \
            or coordinates.shape[1] != len(padded) + 1 \
            or MAX_SAMPLES * math.prod(padded) >> KEY_BITS:
        return None
    keys, last = torch.empty(len(coordinates), dtype=torch.int64), torch.zeros(1, dtype=torch.int32)
    strides = [math.prod(padded[axis:]) for axis in range(len(padded) + 1)]
    found = call_for_result('sparse3d_voxel_keys', coordinates.contiguous(), len(coordinates),
                            len(padded), torch.tensor(list(spatial_shape)), torch.tensor(strides),
                            keys, last)
    samples = int(last) + 1
    return None if found & (OUTSIDE | REPEATED) or samples > MAX_SAMPLES else \
        VoxelKeys(keys, not found & FALLING, samples)


def submanifold_neighbors(
        keys: Tensor,               # [N] int64, rising
        order: Tensor | None,       # [N] int64, the row each key was given as; None: its place
        kernel_size: Sequence[int],
        steps: Sequence[int],       # difference of keys along each axis
        symmetric: bool,
) -> Tensor | None:                 # [K, N] int32
    """For each kernel offset and voxel, the row of the voxel there, or -1."""
    if library() is None:
        return None
    num_offsets = math.prod(kernel_size)
    neighbors = torch.empty(num_offsets, len(keys), dtype=torch.int32)
    call('sparse3d_submanifold_neighbors', keys.contiguous(),
         order if order is None else order.contiguous(), len(keys), len(kernel_size),
         torch.tensor(list(kernel_size)), torch.tensor(list(steps)), int(symmetric), neighbors,
         threads_for(4 * neighbors.numel()))
    return neighbors


def reaching_neighbors(
        coordinates: Tensor,            # [N, 1 + D] int32
        spatial_shape: Sequence[int],
        output_shape: Sequence[int],
        kernel_size: Sequence[int],
        reach: Reach,
        batch_size: int,
) -> tuple[Tensor, Tensor] | None:      # [K, M] int32, [M, 1 + D] int32 sorted
    """Neighbor table and coordinates of every output voxel that at least one input reaches."""
    words = -(-batch_size * math.prod(output_shape) // 64)
    if library() is None or len(kernel_size) > MOST_AXES or sum(spatial_shape) > LONGEST_AXES \
            or words > max(FEWEST_WORDS, WORDS_PER_VOXEL * len(coordinates)):
        return None
    given = (coordinates.contiguous(), len(coordinates), len(kernel_size),
             *(torch.tensor(list(sizes)) for sizes in (spatial_shape, kernel_size, output_shape)),
             _targets(spatial_shape, output_shape, kernel_size, reach))
    bits, before = torch.zeros(words, dtype=torch.int64), torch.empty(words + 1, dtype=torch.int32)
    num_outputs = call_for_result('sparse3d_mark_outputs', *given, bits, words, before)
    neighbors = torch.full((math.prod(kernel_size), num_outputs), -1, dtype=torch.int32)
    output_coordinates = torch.empty(num_outputs, 1 + len(kernel_size), dtype=torch.int32)
    call_for_result('sparse3d_fill_outputs', *given, bits, words, before, neighbors,
                    output_coordinates)
    return neighbors, output_coordinates


def _targets(spatial_shape: Sequence[int], output_shape: Sequence[int],
             kernel_size: Sequence[int], reach: Reach) -> Tensor:
    """Per axis [extent, kernel size]: where a position lands, or -1; one after the other."""
    tables = []
    for axis, (extent, size) in enumerate(zip(spatial_shape, kernel_size, strict=True)):
        table = np.full((extent, size), -1, dtype=np.int32)
        for at in range(size):
            target, valid = reach(axis, np.arange(extent), at)
            kept = valid & (target >= 0) & (target < output_shape[axis])
            table[kept, at] = target[kept]
        tables.append(table.ravel())
    return torch.from_numpy(np.concatenate(tables))
