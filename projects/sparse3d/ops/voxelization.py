"""Points to voxels: hard (the first points of each voxel) and mean, by sorting.

The grid is never allocated: time and memory grow with the points, not with the
volume, so that small voxels and large ranges cost nothing extra.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from sparse3d.ops.backends import choose_backend
from sparse3d.ops.cells import (
    cell_keys,
    group_counts,
    mean_segments,
    order_of_keys,
    segments_of,
    sort_keys,
)

UNLIMITED = -1


def voxel_coordinates(
        points: Tensor,                      # [N, C]  x, y, z first, meters, LiDAR frame
        voxel_size: Sequence[float],         # x, y, z  meters
        point_cloud_range: Sequence[float],  # x, y, z minimum, x, y, z maximum  meters
) -> Tensor:                                 # [N, 3]  int32 z, y, x; -1, -1, -1 outside
    """Cell of the grid that holds each point (dynamic voxelization).

    A cell holds its lower faces, not its upper ones. Points outside the range,
    and points with a NaN or infinite coordinate, get -1 in all three columns.
    The arithmetic is that of mmcv's kernels (a float32 difference, then a true
    division), so that points on a face fall on the same side.

    Raises:
        ValueError: if the points are no [N, >= 3] float table, or the range is empty.
    """
    _check(points, voxel_size, point_cloud_range)
    cells, inside = _grid_cells(points, voxel_size, point_cloud_range)
    coordinates = cells.flip(1).to(torch.int32)  # [N, 3]  z, y, x
    return coordinates.masked_fill_(~inside[:, None], -1)


def hard_voxelize(
        points: Tensor,                      # [N, C]  x, y, z first, meters, LiDAR frame
        voxel_size: Sequence[float],         # x, y, z  meters
        point_cloud_range: Sequence[float],  # x, y, z minimum, x, y, z maximum  meters
        max_points: int = 10,
        max_voxels: int = 20000,
        backend: str = 'auto',
) -> tuple[Tensor, Tensor, Tensor]:  # [M, P, C], [M, 3] int32 z, y, x, [M] int32
    """Collect the first points of each occupied voxel.

    Voxels are numbered in the order in which the cloud first enters them, and
    hold their points in the order of the cloud; free places are zero. Both
    limits keep what came first. These are the voxels of mmcv's deterministic
    CPU operator, bit by bit. Points outside the range, NaN and infinite
    coordinates are left out.

    Args:
        max_points: points kept per voxel (P), or -1 for as many as the fullest holds.
        max_voxels: voxels kept, or -1 for all.
        backend: ``'auto'``, ``'fast'`` (by sorting) or ``'reference'`` (a plain loop).

    Raises:
        ValueError: for malformed points, range or limits.
        BackendUnavailable: for another backend.

    Source: hard voxelization of VoxelNet (CVPR 2018), section 2.1.1.
    """
    _check(points, voxel_size, point_cloud_range)
    _check_limits(max_points, max_voxels)
    if choose_backend('hard_voxelize', backend) == 'reference':
        return _reference(points, voxel_size, point_cloud_range, max_points, max_voxels)
    groups = _group_points(points, voxel_size, point_cloud_range, max_points, max_voxels)
    places = max_points
    if max_points == UNLIMITED:
        places = int(groups.num_points.max()) if len(groups.num_points) else 0
    voxels = points.new_zeros((len(groups.num_points), places, points.shape[1]))
    voxels[groups.voxel, groups.place] = points[groups.point]
    return voxels, groups.coordinates, groups.num_points


def mean_voxelize(
        points: Tensor,                      # [N, C]  x, y, z first, meters, LiDAR frame
        voxel_size: Sequence[float],         # x, y, z  meters
        point_cloud_range: Sequence[float],  # x, y, z minimum, x, y, z maximum  meters
        max_points: int = UNLIMITED,
        max_voxels: int = UNLIMITED,
) -> tuple[Tensor, Tensor, Tensor]:  # [M, C], [M, 3] int32 z, y, x, [M] int32
    """Mean of all columns over the points of each occupied voxel.

    The same voxels in the same order as :func:`hard_voxelize`, without the
    table of points in between. Differentiable with respect to the points'
    columns; sums run in the order of the cloud on every device.

    Args:
        max_points: only the first so many points of a voxel count; -1 for all.
        max_voxels: voxels kept, or -1 for all.

    Raises:
        ValueError: for malformed points, range or limits.
    """
    _check(points, voxel_size, point_cloud_range)
    _check_limits(max_points, max_voxels)
    groups = _group_points(
        points.detach(), voxel_size, point_cloud_range, max_points, max_voxels)
    if len(groups.num_points) == 0:
        return points[:0], groups.coordinates, groups.num_points
    by_voxel = order_of_keys(groups.voxel)
    values = points[groups.point[by_voxel]]
    if values.dtype in (torch.float16, torch.bfloat16):
        values = values.float()
    means = mean_segments(values, groups.num_points.long())
    return means.to(points.dtype), groups.coordinates, groups.num_points


class _Groups(NamedTuple):
    """Which point stands in which place of which voxel."""

    point: Tensor        # [K]  row of the cloud
    voxel: Tensor        # [K]  number of the voxel, below M
    place: Tensor        # [K]  place inside the voxel
    coordinates: Tensor  # [M, 3]  int32 z, y, x
    num_points: Tensor   # [M]  int32, after the limit


def _group_points(
        points: Tensor,
        voxel_size: Sequence[float],
        point_cloud_range: Sequence[float],
        max_points: int,
        max_voxels: int,
) -> _Groups:
    cells, inside = _grid_cells(points, voxel_size, point_cloud_range)
    kept = inside.nonzero().squeeze(1)                              # [K]
    cells = cells[kept].long()                                      # [K, 3]  x, y, z
    x, y, z = cells.unbind(1)
    grid = _grid_size(voxel_size, point_cloud_range)[::-1]          # z, y, x
    keys, order = sort_keys(cell_keys((torch.zeros_like(x), z, y, x), grid, batch_size=1))

    # Segments of equal keys are voxels; the sort keeps the cloud's order inside a segment, so
    # that its first row is the point that opened the voxel.
    segments = segments_of(keys)
    place = segments.rank
    opening = order[segments.first]                                 # [V]  row that opened it
    opens = torch.zeros_like(order)
    opens[opening] = 1
    voxel_of_segment = opens.cumsum(0)[opening] - 1                 # [V]  by first come
    voxel = voxel_of_segment[segments.number]                       # [K]

    occupied = len(segments.counts)
    num_voxels = occupied if max_voxels == UNLIMITED else min(occupied, max_voxels)
    fits = voxel < num_voxels
    if max_points != UNLIMITED:
        fits &= place < max_points
    row, voxel, place = order[fits], voxel[fits], place[fits]
    coordinates = cells.new_empty((num_voxels, 3), dtype=torch.int32)
    first = place == 0
    coordinates[voxel[first]] = cells[row[first]].flip(1).int()
    num_points = group_counts(voxel, num_voxels).int()
    return _Groups(kept[row], voxel, place, coordinates, num_points)


def _grid_cells(
        points: Tensor, voxel_size: Sequence[float], point_cloud_range: Sequence[float],
) -> tuple[Tensor, Tensor]:  # [N, 3] x, y, z as floats, [N] bool
    # A divisor on the points' device: torch turns division by a host scalar into a
    # multiplication on GPUs, which moves points on the faces.
    lower = torch.tensor(point_cloud_range[:3], dtype=torch.float32, device=points.device)
    size = torch.tensor(voxel_size, dtype=torch.float32, device=points.device)
    grid = torch.tensor(_grid_size(voxel_size, point_cloud_range), device=points.device)
    xyz = points[:, :3]
    xyz = xyz if xyz.dtype == torch.float64 else xyz.float()
    cells = ((xyz - lower) / size).floor_()
    inside = ((cells >= 0) & (cells < grid)).all(1)  # false for NaN and infinities
    return cells, inside


def _grid_size(
        voxel_size: Sequence[float], point_cloud_range: Sequence[float],
) -> list[int]:  # x, y, z
    limits = torch.tensor(point_cloud_range, dtype=torch.float32)
    size = torch.tensor(voxel_size, dtype=torch.float32)
    # Half away from zero like the C++ round(), not to even like torch.round().
    return ((limits[3:] - limits[:3]) / size + 0.5).floor().long().tolist()


def _reference(
        points: Tensor,
        voxel_size: Sequence[float],
        point_cloud_range: Sequence[float],
        max_points: int,
        max_voxels: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """The definition, one point after the other."""
    members: dict[tuple[int, ...], list[int]] = {}
    coordinates = voxel_coordinates(points, voxel_size, point_cloud_range)
    for row, cell in enumerate(map(tuple, coordinates.tolist())):
        if cell[0] == -1:
            continue
        if cell not in members and max_voxels != UNLIMITED and len(members) >= max_voxels:
            continue
        rows = members.setdefault(cell, [])
        if max_points == UNLIMITED or len(rows) < max_points:
            rows.append(row)
    num_points = torch.tensor([len(rows) for rows in members.values()], dtype=torch.int32)
    places = max_points if max_points != UNLIMITED else max(num_points.tolist(), default=0)
    voxels = points.new_zeros((len(members), places, points.shape[1]))
    for voxel, rows in enumerate(members.values()):
        voxels[voxel, :len(rows)] = points[rows]
    cells = torch.tensor(list(members), dtype=torch.int32).reshape(-1, 3)
    return voxels, cells.to(points.device), num_points.to(points.device)


def _check(
        points: Tensor, voxel_size: Sequence[float], point_cloud_range: Sequence[float],
) -> None:
    if points.ndim != 2 or points.shape[1] < 3 or not points.is_floating_point():
        raise ValueError(
            f'points are a float table [N, >= 3], not {points.dtype} {list(points.shape)}')
    if len(voxel_size) != 3 or len(point_cloud_range) != 6:
        raise ValueError('voxel_size has 3 numbers and point_cloud_range 6, '
                         f'not {len(voxel_size)} and {len(point_cloud_range)}')
    if min(voxel_size) <= 0 or min(_grid_size(voxel_size, point_cloud_range)) < 1:
        raise ValueError(f'point_cloud_range {list(point_cloud_range)} holds no voxel '
                         f'of size {list(voxel_size)}')


def _check_limits(max_points: int, max_voxels: int) -> None:
    for name, limit in (('max_points', max_points), ('max_voxels', max_voxels)):
        if limit < 1 and limit != UNLIMITED:
            raise ValueError(f'{name} is at least 1, or -1 for no limit, not {limit}')
