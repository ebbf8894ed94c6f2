"""Repairs the installed stack and registers the core's parts with mmdet3d and mmengine.

Plug-ins import it first, the config loader when it is called; in a config without a plug-in,
``custom_imports = dict(imports=['sparse3d.register'])`` is all that is needed.
"""
from __future__ import annotations

from importlib import import_module

import sparse3d.compat.applied  # noqa: F401  (before anything is built)

# What registers types, or formats of detections, when it is imported.
REGISTERING: tuple[str, ...] = (
    'engine.hooks',
    'engine.schedules',
    'metrics',
    'models.detectors',
    'models.heads',
    'ops.grid_mask',
    'ops.photometric_distortion',
    'transforms',
    'visualization.detection_pictures',
    'datasets.custom.dataset',
    'datasets.custom.evaluate.metric',
    'datasets.kitti.dataset',
    'datasets.kitti.evaluate.metric',
    'datasets.kitti.load_image',
    'datasets.kitti.results',
    'datasets.nuscenes.dataset',
    'datasets.nuscenes.evaluate.metric',
    'datasets.nuscenes.objects',
    'datasets.nuscenes.results',
    'datasets.waymo.dataset',
    'datasets.waymo.evaluate.metric',
    'datasets.waymo.keypoints.dataset',
    'datasets.waymo.keypoints.metric',
    'datasets.waymo.load_points',
    'datasets.waymo.results',
)

for _name in REGISTERING:
    import_module(f'sparse3d.{_name}')
