"""Boxes of space that attention looks into: which voxels share a window."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse3d.ops.cells import cell_keys, distinct_keys, min_groups


def window_indices(
        coordinates: Tensor,        # [N, 1 + D] integers (frame, z, y, x)
        size: Sequence[int],        # D  voxels along each axis
        batch_size: int,
        published_batch_anchor: bool = False,
) -> Tensor:                        # [N, D] int64
    """Place of each voxel's window along each axis, counted from the first window.

    The windows begin at the lowest voxel of each frame, so that what else is in the batch
    does not move them.

    Args:
        published_batch_anchor: begin at the lowest voxel of the whole batch, as the released
            code does: the result for a frame then depends on the other frames.

    Source: VoxelKP (ICCV 2025), sparse box attention; released SpTr windows.
    """
    cells = coordinates[:, 1:].long()
    if len(cells) == 0:
        return cells
    sizes = torch.tensor(list(size), device=cells.device)
    if published_batch_anchor:
        return (cells - cells.amin(0)) // sizes
    frame = coordinates[:, 0].long()
    return (cells - min_groups(cells, frame, batch_size)[frame]) // sizes


def window_numbers(
        coordinates: Tensor,        # [N, 1 + D] integers (frame, z, y, x)
        size: Sequence[int],
        batch_size: int,
        published_batch_anchor: bool = False,
) -> Tensor:                        # [N] int64, from 0, without gaps
    """One number per window of a frame; voxels of different frames never share one."""
    windows = window_indices(coordinates, size, batch_size, published_batch_anchor)
    if len(windows) == 0:
        return windows.new_zeros(0)
    extent = windows.amax(0) + 1  # no more than the grid has, whose cells have keys
    return distinct_keys(cell_keys((coordinates[:, 0], *windows.unbind(1)), extent))[1]
