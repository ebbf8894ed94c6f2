"""The first few voxels in the neighborhood of each query, found by their indices."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse3d.ops.neighbor_lists import PAIRS_AT_ONCE, first_neighbors, reference_lists


def voxel_query(
        coordinates: Tensor,        # [N, 4] int (sample, z, y, x), no two alike
        centers: Tensor,            # [N, 3] meters x, y, z
        query_coordinates: Tensor,  # [M, 4] int, may lie outside the grid
        queries: Tensor,            # [M, 3] meters
        spatial_shape: Sequence[int],   # cells along z, y, x
        reach: Sequence[int],           # cells along z, y, x
        radius: float,
        limit: int,
        backend: str = 'auto',
        pairs_at_once: int = PAIRS_AT_ONCE,
) -> tuple[Tensor, Tensor]:         # [M, limit] int64 rows, [M] bool: nothing there
    """List, for each query, the first ``limit`` voxels within ``reach`` and ``radius``.

    First means lowest (z, y, x). A list that is too short repeats its first entry; a query
    without any voxel lists row 0 and is marked.

    Args:
        backend: ``'auto'`` and ``'runs'`` (any device) or ``'reference'`` (all pairs).
        pairs_at_once: candidates that are compared at a time, which bounds the memory.

    Raises:
        ValueError: for an unknown backend.

    Source: Voxel R-CNN (AAAI 2021), section 3.2, voxel query.
    """
    if backend not in ('auto', 'runs', 'reference'):
        raise ValueError(f"backend is 'auto', 'runs' or 'reference', not {backend!r}")
    coordinates, query_coordinates = coordinates.long(), query_coordinates.long()
    centers, queries = centers.detach().float(), queries.detach().float()
    keys = _keys(coordinates, spatial_shape)
    if backend == 'reference':
        steps = (query_coordinates[:, None] - coordinates[None]).abs()
        near = (steps[..., 0] == 0) & (steps[..., 1:] <= torch.tensor(list(reach))).all(2)
        near &= (queries[:, None] - centers[None]).square().sum(2) <= radius ** 2
        return reference_lists(near, keys, limit)
    sorted_keys, order = keys.sort()
    begin, end = _runs(query_coordinates, spatial_shape, reach, sorted_keys)

    def near(query: Tensor, candidate: Tensor) -> Tensor:
        return (queries[query] - centers[candidate]).square().sum(1) <= radius ** 2

    return first_neighbors(begin, end, order, near, limit, by_row=False,
                           pairs_at_once=pairs_at_once)


def _keys(coordinates: Tensor, spatial_shape: Sequence[int]) -> Tensor:
    depth, height, width = spatial_shape
    sample, z, y, x = coordinates.unbind(-1)
    return ((sample * depth + z) * height + y) * width + x


def _runs(wanted: Tensor, spatial_shape: Sequence[int], reach: Sequence[int],
          sorted_keys: Tensor) -> tuple[Tensor, Tensor]:
    """Voxels along x are one run of keys; a query has a run for each step along z and y."""
    steps = torch.tensor([(z, y) for z in range(-reach[0], reach[0] + 1)
                          for y in range(-reach[1], reach[1] + 1)], device=wanted.device)
    rows = wanted[:, None, 1:3] + steps                                # [M, R, 2]
    upper = wanted.new_tensor([int(size) for size in spatial_shape])
    left = (wanted[:, 3:] - reach[2]).clamp(min=0)
    right = torch.minimum(wanted[:, 3:] + reach[2], upper[2] - 1)
    outside = ((rows < 0) | (rows >= upper[:2])).any(2) | (right < left)
    sample = wanted[:, None, :1].expand(-1, len(steps), 1)
    start = _keys(torch.cat([sample, rows, torch.zeros_like(sample)], 2), spatial_shape)
    begin = torch.searchsorted(sorted_keys, start + left)
    end = torch.searchsorted(sorted_keys, start + right, right=True)
    return begin, torch.where(outside, begin, end)
