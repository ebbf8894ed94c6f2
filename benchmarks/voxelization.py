"""Voxelization of a full sweep at 0.075 m against mmcv's operator on the CPU.

At every call mmcv makes and clears a grid of one integer per cell, 332 MB here. Most of its time
goes into page faults unless the process keeps freed memory, as ``sparse3d benchmark`` and all tools
do on a CPU; the ratio is then about 8, else about 50.
"""
from __future__ import annotations

import torch
from mmcv.ops.voxelize import _Voxelization

from sparse3d.engine.timing import measure
from sparse3d.ops.voxelization import hard_voxelize, mean_voxelize
from sparse3d_benchmarks.sweep import full_sweep

VOXEL_SIZE = (0.075, 0.075, 0.2)
RANGE = (-54.0, -54.0, -5.0, 54.0, 54.0, 3.0)
MAX_POINTS, MAX_VOXELS = 10, 120000


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for hard and mean voxelization; see :mod:`sparse3d_benchmarks`."""
    points, name = full_sweep()
    grid = (points, VOXEL_SIZE, RANGE)
    upstream = getattr(_Voxelization.forward, 'upstream', _Voxelization.forward)

    def mmcv_hard():
        return upstream(None, *grid, MAX_POINTS, MAX_VOXELS, True)

    def mmcv_mean():
        voxels, coordinates, counts = mmcv_hard()
        return voxels.sum(1) / counts[:, None], coordinates

    ours, theirs = hard_voxelize(*grid, MAX_POINTS, MAX_VOXELS), mmcv_hard()
    same = all(torch.equal(left, right) for left, right in zip(ours, theirs, strict=True))
    sizes = f'{len(points):,} points of a {name}, {len(theirs[0]):,} voxels, {threads} threads'
    agreement = 'same voxels' if same else 'DIFFERENT VOXELS'
    return [
        _row('hard voxelization', measure(lambda: hard_voxelize(*grid, MAX_POINTS, MAX_VOXELS),
                                          repeats), measure(mmcv_hard, repeats),
             f'{sizes}; mmcv, its memory kept between calls; {agreement}'),
        _row('mean voxelization', measure(lambda: mean_voxelize(*grid, MAX_POINTS), repeats),
             measure(mmcv_mean, repeats), f'{sizes}; mmcv hard voxelization, then the mean'),
    ]


def _row(name, ours, theirs, note) -> dict:
    return dict(name=name, value=ours.milliseconds, unit='ms', baseline=theirs.milliseconds,
                ratio=theirs.median / ours.median, note=note)
