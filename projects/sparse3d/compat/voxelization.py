"""Hard voxelization on the CPU without the dense grid.

Wrong upstream: mmcv 2.1's CPU operator fills a table of the whole grid on every
call (41 x 1440 x 1440 cells for a nuScenes sweep) and zeroes ``max_voxels`` full
voxels, a few tenths of a second to a second per frame; and with
``deterministic=False`` it raises, as that variant exists on GPUs only.

Repair: the autograd functions of ``mmcv.ops.voxelize`` and of
``mmdet3d.models.data_preprocessors.voxelize`` pass CPU tensors to
:func:`sparse3d.ops.voxelization.hard_voxelize`, which gives the same voxels.
Dynamic voxelization (a limit of -1) and GPU tensors are left as they are.
"""
from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from torch import Tensor

from sparse3d.ops.voxelization import UNLIMITED, hard_voxelize

MODULES = ('mmcv.ops.voxelize', 'mmdet3d.models.data_preprocessors.voxelize')


def apply_patch() -> None:
    """Route hard voxelization of CPU tensors to the sorting operator."""
    for name in MODULES:
        function = import_module(name)._Voxelization
        if not hasattr(function.forward, 'upstream'):
            function.forward = staticmethod(_sorting_forward(function.forward))


def _sorting_forward(upstream: Callable) -> Callable:
    def forward(ctx, points: Tensor, voxel_size, coors_range, max_points: int = 35,
                max_voxels: int = 20000, deterministic: bool = True):
        if points.device.type != 'cpu' or UNLIMITED in (max_points, max_voxels):
            return upstream(
                ctx, points, voxel_size, coors_range, max_points, max_voxels, deterministic)
        return hard_voxelize(points, voxel_size, coors_range, max_points, max_voxels)

    forward.upstream = upstream
    return forward
