"""The first few voxels in the neighborhood of each query, found by their indices."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse3d.ops.backends import choose_backend
from sparse3d.ops.cells import cell_keys, neighbor_runs, sort_keys
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
        backend: ``'auto'``, ``'fast'`` (runs of sorted cells) or ``'reference'`` (all pairs).
        pairs_at_once: candidates that are compared at a time, which bounds the memory.

    Raises:
        BackendUnavailable: for another backend.

    Source: Voxel R-CNN (AAAI 2021), section 3.2, voxel query.
    """
    backend = choose_backend('voxel_query', backend)
    coordinates, query_coordinates = coordinates.long(), query_coordinates.long()
    centers, queries = centers.detach().float(), queries.detach().float()
    keys = cell_keys(coordinates.unbind(1), spatial_shape)
    if backend == 'reference':
        steps = (query_coordinates[:, None] - coordinates[None]).abs()
        table = (steps[..., 0] == 0) & (steps[..., 1:] <= torch.tensor(list(reach))).all(2)
        table &= (queries[:, None] - centers[None]).square().sum(2) <= radius ** 2
        return reference_lists(table, keys, limit)
    sorted_keys, order = sort_keys(keys)
    begin, end = neighbor_runs(sorted_keys, query_coordinates[:, 0], query_coordinates[:, 1:],
                               spatial_shape, reach)

    def near(query: Tensor, candidate: Tensor) -> Tensor:
        return (queries[query] - centers[candidate]).square().sum(1) <= radius ** 2

    return first_neighbors(begin, end, order, near, limit, by_row=False,
                           pairs_at_once=pairs_at_once)
