"""Repairs of the installed stack, one file per fault, each removable.

Importing :mod:`sparse3d.compat.applied` applies all of them. Every repair module has a
``apply_patch()`` function that is safe to call twice; the module docstring says what is wrong
upstream and how to see it, the table below which versions need it. Deleting a module and its line
removes the repair.
"""
from __future__ import annotations

from importlib import import_module

from sparse3d.compat.late_imports import late_imports

# In the order in which they are applied: which versions need them, as far as was looked at.
NEEDED_BY: dict[str, str] = {
    # First: the others load mmdet3d.
    'nuscenes_devkit': 'mmdet3d 1.4.0 (its last release) where nuscenes-devkit is not installed',
    'activation_checkpointing': 'mmdet 3.2.0 and mmcv 2.1.0 with torch 2.4 and later',
    'center_point_limits': 'mmdet3d 1.4.0 (a warning alone)',
    'checkpoint_loading': 'mmengine 0.10.7 with torch 2.4 and later',
    'class_balanced_sampling': 'mmdet3d 1.4.0',
    'config_scope': 'mmengine 0.10.7 (an addition, no fault)',
    'empty_object_database': 'mmdet3d 1.4.0',
    'h3dnet_sum': 'mmdet3d 1.4.0',
    'info_files': 'mmengine 0.10.7',
    'minkunet_voxels': 'mmdet3d 1.4.0 on a CPU',
    'mmcv_point_operators': 'mmcv 2.1.0 on a CPU (most operators have no CPU form)',
    'mmcv_sparse_cpu': 'mmcv 2.1.0 on a CPU',
    'multi_sweep': 'mmdet3d 1.4.0',
    'nms_types': 'mmcv 2.1.0 with mmdet3d 1.4.0, under bfloat16 autocast',
    'numpy_names': 'mmdet3d 1.4.0, mmdet 3.2.0 and mmcv 2.1.0 with NumPy 1.24 and later',
    'one_cycle': 'mmengine 0.10.7',
    'one_row_batch_norm': 'every torch (2.4 to 2.13)',
    'spconv_cpu': 'spconv 2.3.8 on a CPU, and on a GPU for batches without voxels',
    'spconv_dense': 'spconv 2.3.8',
    'spconv_pointwise_weights': 'spconv 2.0 to 2.3.8',
    'voxelization': 'mmcv 2.1.0 on a CPU',
    'voxelnet_samples': 'mmdet3d 1.4.0',
    'rotated_iou': 'mmdet3d 1.4.0',
}
PATCHES: tuple[str, ...] = tuple(NEEDED_BY)


def apply_patch() -> None:
    """Apply every repair to the imported libraries; idempotent."""
    with late_imports():  # the patches load the stack
        for name in PATCHES:
            import_module(f'{__name__}.{name}').apply_patch()
