"""The voxels that SPS-Conv's released down-sampling convolves, with its accidents at the edges.

The release makes the cells of a pruned down-sampling in three steps: strong voxels and their
neighbors, joined by key; these and the weak voxels, joined by key; a convolution on them, of which
the cells at even positions are kept. Two accidents can be switched on:

- index zero: neighbors with an index 0 are not made, and cells with one are thrown away;
- colliding keys: a key is built with the largest index of the sample in place of the number of
  cells, so that the end of a row and the beginning of the next are one place, with added features.
  Which of the two the voxel then has, the release leaves to an unstable sort (one of its stored
  runs has the first, another the last); here rows of one key stay in the order in which they came.
"""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse3d.ops.cells import cell_keys, max_groups, order_of_keys, sum_groups


def dilated_voxels(
        features: Tensor,           # [N, C]
        coordinates: Tensor,        # [N, 4] integer (sample, z, y, x)
        strong: Tensor,             # [S] int64 rows, weakest first
        weak: Tensor,               # [N - S] int64 rows, weakest first
        kernel_size: Sequence[int],
        spatial_shape: Sequence[int],
        skip_index_zero: bool = False,
        colliding_keys: bool = False,
) -> tuple[Tensor, Tensor]:         # [D, C], [D, 4] int32
    """Strong voxels with all cells around them, and weak voxels; new cells hold zeros.

    Where two places are joined the first of strong voxels and their neighbors gives the place, and
    a weak voxel rather than these.

    Source: SPS-Conv (NeurIPS 2022), released code.
    """
    shape = None if colliding_keys else [int(extent) for extent in spatial_shape]
    voxels = coordinates.long()
    around = _neighbors(voxels[strong], kernel_size, spatial_shape, int(skip_index_zero))
    empty = features.new_zeros(len(around), features.shape[1])
    places, values = _joined(torch.cat([voxels[strong], around]),
                             torch.cat([features[strong], empty]), shape, descending=True)
    places, values = _joined(torch.cat([places, voxels[weak]]),
                             torch.cat([values, features[weak]]), shape)
    return values, places.int()


def _neighbors(voxels: Tensor, kernel_size: Sequence[int], spatial_shape: Sequence[int],
               lowest: int) -> Tensor:
    """Cells around voxels [M, 4] that lie in the grid; those that several have, several times."""
    steps = torch.cartesian_prod(*(torch.arange(-(size // 2), size // 2 + 1, device=voxels.device)
                                   for size in kernel_size))
    steps = steps[steps.any(1)]
    cells = torch.cat([voxels[:, None, :1].expand(-1, len(steps), -1),
                       voxels[:, None, 1:] + steps], 2).flatten(0, 1)
    extent = cells.new_tensor([int(cells_of_axis) for cells_of_axis in spatial_shape])
    return cells[((cells[:, 1:] >= lowest) & (cells[:, 1:] < extent)).all(1)]


def _joined(cells: Tensor, features: Tensor, shape: Sequence[int] | None,
            descending: bool = False) -> tuple[Tensor, Tensor]:
    """Features of rows with one key added up; ``shape`` None: keys of the sample's own indices.

    The last row of a key gives the place, or with descending keys the first.
    """
    if not len(cells):
        return cells, features
    sample = cells[:, 0]
    if shape is None:
        height, width = (max_groups(indices, sample, int(sample.max()) + 1)[sample]
                         for indices in (cells[:, 2], cells[:, 3]))
        keys = (cells[:, 1] * height + cells[:, 2]) * width + cells[:, 3]
        order = keys.argsort(stable=True)
        order = order[order_of_keys(sample[order])]
    else:
        keys = cell_keys(cells.unbind(1), shape)
        order = order_of_keys(keys)
    if descending:
        order = order.flip(0)
    keys, sample = keys[order], sample[order]
    starts = torch.ones_like(keys, dtype=torch.bool)
    starts[1:] = (keys[1:] != keys[:-1]) | (sample[1:] != sample[:-1])
    group, last = starts.cumsum(0) - 1, starts.roll(-1).nonzero().squeeze(1)
    return cells[order][last], sum_groups(features[order], group, len(last))
