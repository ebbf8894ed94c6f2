"""The operators of points against the straightforward way in PyTorch, on the CPU.

mmcv has no CPU form of them, so the other side is what one writes without it: a table of all pairs,
a loop over the voxels. It is no rival, but it says what the operators spare.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sparse3d.engine.timing import measure
from sparse3d.ops.ball_query import ball_query
from sparse3d.ops.furthest_point_sampling import furthest_point_sampling
from sparse3d.ops.nearest_points import nearest_points
from sparse3d.ops.roi_aware_pooling import roi_aware_pool
from sparse3d.ops.roi_point_pooling import roi_point_pool
from sparse3d.ops.scatter_points import scatter_points
from sparse3d_benchmarks.sweep import full_sweep

POINTS, QUERIES, CHOSEN, BOXES = 16384, 1024, 512, 64
VOXEL = 0.5  # meters


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for the operators; see :mod:`sparse3d_benchmarks`."""
    repeats = min(repeats, 3)
    points, name = full_sweep()
    points = points[:POINTS, :3].contiguous()
    random = torch.Generator().manual_seed(0)
    queries = points[torch.randperm(len(points), generator=random)[:QUERIES]]
    features = torch.rand(len(points), 32, generator=random)
    cells = ((points - points.amin(0)) / VOXEL).int()
    boxes = torch.cat([queries[:BOXES], torch.tensor([[4.0, 2.0, 2.0, 0.3]]).expand(BOXES, 4)], 1)
    of_points, of_queries = (torch.zeros(len(table)).long() for table in (points, queries))
    cases: list[tuple[str, Callable[[], Any], Callable[[], Any], str]] = [
        ('ball query', lambda: ball_query(points, of_points, queries, of_queries, 0.8, 32)[0],
         lambda: _first_within(points, queries, 0.8, 32), 'a table of all pairs, sorted'),
        ('three nearest points', lambda: nearest_points(points, queries, 3)[0],
         lambda: torch.cdist(queries, points).square().topk(3, largest=False).values,
         'torch.cdist and topk'),
        ('furthest point sampling', lambda: furthest_point_sampling(points[None], CHOSEN)[0],
         lambda: _furthest(points, CHOSEN), 'a loop, of equally far points the lowest row'),
        ('scatter points, max', lambda: scatter_points(features, cells).features,
         lambda: _scattered(features, cells), 'torch.unique of rows, scatter_reduce'),
        ('RoI point pooling', lambda: roi_point_pool(points, boxes, 128)[0],
         lambda: roi_point_pool(points, boxes, 128, 'reference')[0], 'a loop over the boxes'),
        ('RoI-aware pooling', lambda: roi_aware_pool(
            boxes, points, features, (6, 6, 6), 32).features, lambda: roi_aware_pool(
            boxes, points, features, (6, 6, 6), 32, backend='reference').features,
         'a loop over the cells')]
    return [_row(*case, f'{len(points):,} points of a {name}, {threads} threads', repeats)
            for case in cases]


def _row(name: str, ours: Callable, plain: Callable, way: str, sizes: str, repeats: int) -> dict:
    found, expected = ours(), plain()
    same = torch.isclose(found.double(), expected.double(), rtol=1e-3, atol=1e-3).float().mean()
    mine, other = measure(ours, repeats), measure(plain, repeats, warmup=1)
    return dict(name=name, value=mine.milliseconds, unit='ms', baseline=other.milliseconds,
                ratio=other.median / mine.median,
                note=f'{sizes}; {way}; {100 * float(same):.1f} % of the results the same')


def _first_within(points: Tensor, queries: Tensor, radius: float, limit: int) -> Tensor:
    near = torch.cdist(queries, points, compute_mode='donot_use_mm_for_euclid_dist') < radius
    rows = torch.where(near, torch.arange(len(points)), len(points)).sort(1).values[:, :limit]
    rows = torch.where(rows < len(points), rows, rows[:, :1])
    return torch.where(rows < len(points), rows, 0)


def _furthest(points: Tensor, count: int) -> Tensor:
    chosen, nearest = [0], torch.full((len(points),), torch.inf)
    while len(chosen) < count:
        nearest = torch.minimum(nearest, (points - points[chosen[-1]]).square().sum(1))
        chosen.append(int(nearest.argmax()))
    return torch.tensor(chosen)


def _scattered(features: Tensor, cells: Tensor) -> Tensor:
    distinct, place = torch.unique(cells, dim=0, return_inverse=True)
    result = features.new_full((len(distinct), features.shape[1]), -torch.inf)
    return result.scatter_reduce(0, place[:, None].expand_as(features), features, 'amax')
