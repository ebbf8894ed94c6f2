"""Voxels of a batch with some of them hidden: behind a learned token, or left out."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse3d.ops.cells import cell_keys
from sparse3d.ops.voxelization import voxel_coordinates
from sparse3d.pretraining.column_masks import ColumnGrid


@dataclass(frozen=True)
class OccupiedVoxels:
    """The voxels of a batch, whichever way it was voxelized.

    Attributes:
        coordinates: [M, 4] int64 sample, z, y, x.
        counts: [M] points of each.
        voxel_of_point: [N], -1 outside; None where voxels come with their points.
    """

    coordinates: Tensor
    counts: Tensor
    voxel_of_point: Tensor | None = None


def occupied_voxels(voxels: dict[str, Tensor], grid: ColumnGrid,
                    all_heights: bool = False) -> OccupiedVoxels:
    """Find the voxels of a batch.

    Args:
        voxels: see :meth:`sparse3d.models.detectors.voxel_backbone.VoxelBackbone.__call__`.
        all_heights: points above and below the range belong to their pillar.
    """
    coordinates = voxels['coors'].long()
    if 'num_points' in voxels:
        return OccupiedVoxels(coordinates, voxels['num_points'])
    if all_heights:
        coordinates = _at_any_height(voxels['voxels'], coordinates, grid)
    inside = (coordinates >= 0).all(1)
    extents = (coordinates.max(0).values + 1).clamp_min(1).tolist() if len(coordinates) \
        else [1] * 4
    keys = cell_keys(coordinates[inside].unbind(1), extents[1:])
    _, place, counts = keys.unique(return_inverse=True, return_counts=True)
    distinct = coordinates.new_zeros(len(counts), 4)
    distinct[place] = coordinates[inside]
    voxel_of_point = place.new_full((len(coordinates), ), -1)
    voxel_of_point[inside] = place
    return OccupiedVoxels(distinct, counts, voxel_of_point)


def _at_any_height(points: Tensor, coordinates: Tensor, grid: ColumnGrid) -> Tensor:
    limits = grid.point_cloud_range
    level = torch.cat([points[:, :2], points.new_full((len(points), 1),
                                                      (limits[2] + limits[5]) / 2)], dim=1)
    flat = voxel_coordinates(level, grid.voxel_size, limits).long()
    return torch.cat([coordinates[:, :1], flat], dim=1)


def token_points(
        coordinates: Tensor,   # [H, 4]  sample, z, y, x of hidden voxels
        token: Tensor,         # [C - 3], or [C] with ``whole``
        grid: ColumnGrid,
        whole: bool = False,
) -> Tensor:                   # [H, C]
    """What stands for the points of hidden voxels: one at the voxel's center, the token behind it.

    Args:
        whole: the token stands for x, y, z as well, as published.
    """
    if whole:
        return token.expand(len(coordinates), -1)
    low, size = (token.new_tensor([float(value) for value in values[:3]])
                 for values in (grid.point_cloud_range, grid.voxel_size))
    centers = low + (coordinates[:, [3, 2, 1]] + 0.5) * size
    return torch.cat([centers, token.expand(len(coordinates), -1)], dim=1)


def with_tokens(voxels: dict[str, Tensor], occupied: OccupiedVoxels, masked: Tensor,
                rows: Tensor) -> dict[str, Tensor]:
    """The voxels with one point in the place of those of each hidden one.

    Args:
        masked: [M] bool: hidden voxels.
        rows: [H, C] of :func:`token_points`, in the order of the hidden voxels.
    """
    if occupied.voxel_of_point is None:
        shown = voxels['voxels'].masked_fill(masked[:, None, None], 0)
        filled = torch.zeros_like(shown).index_put(
            (masked.nonzero().squeeze(1), torch.zeros(len(rows), dtype=torch.long,
                                                      device=rows.device)),
            rows.to(shown.dtype))
        counts = voxels['num_points'].masked_fill(masked, 1)
        return dict(voxels, voxels=shown + filled, num_points=counts)
    kept = _shown_points(occupied, masked)
    coordinates = occupied.coordinates[masked].to(voxels['coors'].dtype)
    return dict(voxels, voxels=torch.cat([voxels['voxels'][kept], rows.to(voxels['voxels'].dtype)]),
                coors=torch.cat([voxels['coors'][kept], coordinates]))


def without_hidden(voxels: dict[str, Tensor], occupied: OccupiedVoxels,
                   masked: Tensor) -> dict[str, Tensor]:
    """The voxels without the hidden ones."""
    if occupied.voxel_of_point is None:
        keys: Sequence[str] = ('voxels', 'num_points', 'coors')
        return {**voxels, **{key: voxels[key][~masked] for key in keys}}
    kept = _shown_points(occupied, masked)
    return dict(voxels, voxels=voxels['voxels'][kept], coors=voxels['coors'][kept])


def _shown_points(occupied: OccupiedVoxels, masked: Tensor) -> Tensor:
    """Points [N] bool that are inside and not hidden.

    Those outside of every voxel are left out: an encoder might still see them.
    """
    assert occupied.voxel_of_point is not None
    inside = occupied.voxel_of_point >= 0
    if not len(masked):
        return inside
    return inside & ~masked[occupied.voxel_of_point.clamp_min(0)]
