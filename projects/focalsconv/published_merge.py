"""Merging of voxels as the released KITTI and Waymo code does it, rounding included.

Only for weights that were trained that way. The released code sorts voxels by
z * Y * X + y * X + x and joins consecutive rows whose keys agree, twice: the dilated
foreground, then foreground with background. Two accidents can be switched on:

- float32 keys: the first sort happens in float32. Keys above 2 ** 24 are rounded,
  neighbors tie, copies of one voxel are no longer adjacent, and the mean importance
  that weighs the voxel is taken over a part of its copies.
- key sizes: Y and X are the largest indices of the sample, not the cells of the grid.
  The voxel at the last x of one row then shares its key with the first of the next.

Where keys tie, the released code leaves the order to an unstable sort. Here ties stay in
the order in which they came, as CUDA's radix sort leaves them.
"""
from __future__ import annotations

import torch
from torch import Tensor

from sparse3d.ops.cells import max_groups, mean_groups, order_of_keys, sum_groups


def merge_as_published(
        features: Tensor,         # [N, C]
        coordinates: Tensor,      # [N, 4] int32 (sample, z, y, x)
        foreground: Tensor,       # [F] int64 rows
        background: Tensor,       # [N - F] int64 rows
        positions: Tensor,        # [P, 4] int32, what the foreground asks for
        importance: Tensor,       # [P] float32
        spatial_shape: list[int],
        batch_size: int,
        float32_keys: bool,
        key_sizes: bool,
        skip_mask_kernel: bool,
) -> tuple[Tensor, Tensor]:       # [M, 4] int32, [M, C]
    """Grow the foreground and join it with the background.

    The mean importance of a foreground voxel multiplies its features unless
    ``skip_mask_kernel``. With top-k the rows of each sample come most important first.
    """
    shape = None if key_sizes else spatial_shape
    candidates = torch.cat([coordinates[foreground], positions])
    exact = _keys(candidates, batch_size, shape)
    rounded = _keys(candidates, batch_size, shape, torch.float32) if float32_keys else exact
    order = order_in_samples(rounded, candidates[:, 0]).flip(0)
    group, last = _runs(candidates[order], exact[order])
    empty = features.new_zeros(len(positions), features.shape[1])
    entries = torch.cat([features[foreground], empty])
    dilated = sum_groups(entries[order], group, len(last))
    if not skip_mask_kernel:
        weights = torch.cat([importance.new_ones(len(foreground)), importance])
        mean = mean_groups(weights[order], group, len(last))
        dilated = dilated * mean.to(dilated.dtype).unsqueeze(1)
    return _join(torch.cat([candidates[order][last], coordinates[background]]),
                 torch.cat([dilated, features[background]]), batch_size, shape)


def _join(coordinates: Tensor, features: Tensor, batch_size: int,
          shape: list[int] | None) -> tuple[Tensor, Tensor]:
    """Sum the features of rows whose integer keys agree."""
    keys = _keys(coordinates, batch_size, shape)
    order = order_in_samples(keys, coordinates[:, 0])
    group, last = _runs(coordinates[order], keys[order])
    return coordinates[order][last], sum_groups(features[order], group, len(last))


def _keys(coordinates: Tensor, batch_size: int, shape: list[int] | None,
          dtype: torch.dtype = torch.int64) -> Tensor:
    """Sort keys in ``dtype``; the sizes are each sample's largest indices without ``shape``."""
    sample, z, y, x = coordinates.long().unbind(1)
    if shape is None:
        height, width = (max_groups(indices, sample, batch_size)[sample] for indices in (y, x))
    else:
        height, width = torch.full_like(y, shape[1]), torch.full_like(x, shape[2])
    z, y, x, height, width = (part.to(dtype) for part in (z, y, x, height, width))
    return z * height * width + y * width + x


def order_in_samples(values: Tensor, sample: Tensor, descending: bool = False) -> Tensor:
    """Rows by sample, then value, then as they came."""
    order = torch.argsort(values, descending=descending, stable=True)
    return order[order_of_keys(sample[order])]


def _runs(coordinates: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """Number runs of equal (sample, key); return each row's run and the last row of each run."""
    sample = coordinates[:, 0]
    starts = torch.ones_like(keys, dtype=torch.bool)
    starts[1:] = (keys[1:] != keys[:-1]) | (sample[1:] != sample[:-1])
    # A run keeps the coordinates of its last row: what the released scatter leaves behind.
    return starts.cumsum(0) - 1, starts.roll(-1).nonzero().squeeze(1)
