"""Repairs of the installed stack, one file per fault, each removable.

Importing :mod:`sparse3d.compat.applied` applies all of them. Every repair module has a
``apply_patch()`` function that is safe to call twice; the module docstring says what is wrong
upstream and how to see it. Deleting a module and its line below removes the repair.
"""
from __future__ import annotations

from importlib import import_module

PATCHES: tuple[str, ...] = (
    'nuscenes_devkit',  # first: the others load mmdet3d
    'activation_checkpointing',
    'checkpoint_loading',
    'config_scope',
    'info_files',
    'multi_sweep',
    'numpy_names',
    'one_cycle',
    'one_row_batch_norm',
    'spconv_cpu',
    'spconv_dense',
    'spconv_pointwise_weights',
    'voxelization',
    'rotated_iou',
)


def apply_patch() -> None:
    """Apply every repair to the imported libraries; idempotent."""
    for name in PATCHES:
        import_module(f'{__name__}.{name}').apply_patch()
