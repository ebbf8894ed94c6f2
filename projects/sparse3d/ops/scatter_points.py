"""Dynamic scatter: the features of all points of a voxel reduced to one row."""
from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from sparse3d.ops.backends import choose_backend
from sparse3d.ops.cells import (
    KEY_BITS,
    cell_columns,
    cell_keys,
    distinct_keys,
    group_counts,
    max_groups,
    mean_groups,
    min_groups,
    sum_groups,
)

MODES = ('max', 'sum', 'mean')


class ScatteredPoints(NamedTuple):
    """The occupied voxels in the order of their coordinates, the first column slowest."""

    features: Tensor     # [M, C]
    coordinates: Tensor  # [M, D], as given
    voxel: Tensor        # [N] int64 row of the voxel of each point, -1: left out
    counts: Tensor       # [M] int64 points of each voxel


def scatter_points(
        features: Tensor,     # [N, C]
        coordinates: Tensor,  # [N, D] integers; a negative one leaves the point out
        mode: str = 'max',
        backend: str = 'auto',
) -> ScatteredPoints:
    """Maximum, sum or mean over the points of each voxel. A NaN is no maximum.

    Args:
        backend: ``'auto'``, ``'fast'`` (cells by number) or ``'reference'`` (a loop over points).

    Raises:
        ValueError: for an unknown mode.
        BackendUnavailable: for another backend.

    Source: Zhou et al., dynamic voxelization (CoRL 2019), section 3.1.
    """
    if mode not in MODES:
        raise ValueError(f'mode is one of {MODES}, not {mode!r}')
    features = features.detach()
    if choose_backend('scatter_points', backend) == 'reference':
        return _reference(features, coordinates, mode)
    kept = (coordinates >= 0).all(1).nonzero().squeeze(1)
    occupied, of_kept, counts = _unique(coordinates[kept])
    voxel = torch.full((len(features),), -1, dtype=torch.long, device=features.device)
    voxel[kept] = of_kept
    values = features[kept]
    if mode == 'max':
        values = values.masked_fill(values.isnan(), -torch.inf)
        reduced = max_groups(values, of_kept, len(occupied), empty=-torch.inf)
    elif mode == 'sum':
        reduced = sum_groups(values, of_kept, len(occupied))
    else:
        reduced = mean_groups(values, of_kept, len(occupied), counts)
    return ScatteredPoints(reduced, occupied, voxel, counts)


def _unique(coordinates: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rows in order, the row of each given one, and how often each occurs."""
    if len(coordinates) == 0:
        nothing = torch.zeros(0, dtype=torch.long, device=coordinates.device)
        return coordinates, nothing, nothing
    first, *shape = (size + 1 for size in coordinates.amax(0).tolist())
    if first * math.prod(shape) > 1 << KEY_BITS:
        return torch.unique(coordinates, dim=0, return_inverse=True, return_counts=True)
    keys, voxel = distinct_keys(cell_keys(coordinates.unbind(1), shape, batch_size=first))
    occupied = torch.stack(cell_columns(keys, shape), 1).to(coordinates.dtype)
    return occupied, voxel, group_counts(voxel, len(keys))


def _reference(features: Tensor, coordinates: Tensor, mode: str) -> ScatteredPoints:
    """The definition, one point after the other."""
    members: dict[tuple[int, ...], list[int]] = {}
    for row, cell in enumerate(map(tuple, coordinates.tolist())):
        if min(cell) >= 0:
            members.setdefault(cell, []).append(row)
    cells = sorted(members)
    voxel = torch.full((len(features),), -1, dtype=torch.long)
    reduced = features.new_zeros(len(cells), features.shape[1])
    for place, cell in enumerate(cells):
        rows = members[cell]
        voxel[rows] = place
        of_cell = features[rows]
        of_cell = of_cell.masked_fill(of_cell.isnan(), -torch.inf) if mode == 'max' else of_cell
        reduced[place] = of_cell.amax(0) if mode == 'max' else getattr(of_cell, mode)(0)
    counts = torch.tensor([len(members[cell]) for cell in cells], dtype=torch.long)
    return ScatteredPoints(
        reduced, coordinates.new_tensor(cells).reshape(-1, coordinates.shape[1]), voxel, counts)


def scatter_points_backward(
        grad: Tensor,        # [M, C]
        features: Tensor,    # [N, C] of the forward pass
        reduced: Tensor,     # [M, C] its result
        voxel: Tensor,       # [N] integers, -1: left out
        counts: Tensor,      # [M]
        mode: str = 'max',
) -> Tensor:                 # [N, C]
    """Gradient of :func:`scatter_points`; that of a maximum goes to the lowest row that has it."""
    total = torch.zeros_like(features)
    kept = (voxel >= 0).nonzero().squeeze(1)
    of_kept = voxel[kept].long()
    if mode != 'max':
        total[kept] = (grad if mode == 'sum' else grad / counts[:, None])[of_kept]
        return total
    attains = features[kept] == reduced[of_kept]
    candidates = torch.where(attains, kept[:, None], len(features))
    rows = min_groups(candidates, of_kept, len(reduced), empty=len(features))
    there = rows < len(features)
    if len(features):
        total.scatter_add_(0, rows.clamp(max=len(features) - 1), grad * there)
    return total
