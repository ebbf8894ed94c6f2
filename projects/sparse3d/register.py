"""Repairs the installed stack and registers the core's parts with mmdet3d and mmengine.

Plug-ins import it first, the config loader when it is called; in a config without a plug-in,
``custom_imports = dict(imports=['sparse3d.register'])`` is all that is needed. Data sets are
registered as their contracts say, also those of other distributions; one that cannot be imported
is passed over with a warning.
"""
from __future__ import annotations

import warnings
from importlib import import_module

import sparse3d.compat.applied  # noqa: F401  (before anything is built)
from sparse3d.errors import PluginError, Sparse3DWarning
from sparse3d.plugins import NOTHING_INSTALLED, data_sets, installed_data_sets, register

# What registers types, or formats of detections, when it is imported.
REGISTERING: tuple[str, ...] = (
    'engine.hooks',
    'engine.scene_sampler',
    'engine.schedules',
    'metrics',
    'models.backbones',
    'models.detectors',
    'models.heads',
    'models.middle_encoders',
    'models.video_preprocessor',
    'models.voxel_encoders',
    'ops.grid_mask',
    'ops.photometric_distortion',
    'pretraining',
    'transforms',
    'visualization.detection_pictures',
)

for _name in REGISTERING:
    import_module(f'sparse3d.{_name}')


def _pass_over(name: str, error: Exception) -> None:
    warnings.warn(f'the data set {name} cannot be registered: {type(error).__name__}: {error}',
                  Sparse3DWarning, stacklevel=2)


if not installed_data_sets():
    raise PluginError(f'no data set is registered: {NOTHING_INSTALLED}')
register(data_sets().values(), _pass_over)
