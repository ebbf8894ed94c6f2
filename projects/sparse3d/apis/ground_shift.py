"""Clouds of a LiDAR that is mounted at another height, brought to where a model learned the ground.

What is seen in a frame whose origin lies at another height above the ground differs by a constant
in z alone; a detector that learned cars at one height does not find them at another.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from mmengine.config import Config
from torch import nn

from sparse3d.engine.registered import find_registered
from sparse3d.errors import ConfigError
from sparse3d.structures.point_statistics import PointStatistics


def ground_shift(config: Config, training: PointStatistics | None,
                 sensor_height: float | None) -> float:
    """What has to be added to z in meters; 0 without a height.

    Args:
        config: whose test data set says where its ground lies (``METAINFO['ground_height']``),
            if the checkpoint does not.
        training: numbers of the training's points, of a checkpoint.
        sensor_height: of the LiDAR above the ground, meters.

    Raises:
        ConfigError: if neither says it, or the height is no number.
    """
    if sensor_height is None:
        return 0.0
    height = checked_height(sensor_height)
    ground = learned_ground(config, training)
    if ground is None:
        raise ConfigError(f'sensor_height={height:g} needs to know where the ground lay in '
                          f'training, and neither the checkpoint nor the data set of the config '
                          f'says it: shift z of the points by yourself')
    return ground + height


def checked_height(sensor_height: Any) -> float:
    """A height of a sensor as a number.

    Raises:
        ConfigError: if it is no finite number.
    """
    try:
        height = float('nan' if isinstance(sensor_height, bool) else sensor_height)
    except (TypeError, ValueError):
        height = float('nan')
    if not np.isfinite(height):
        raise ConfigError(f'sensor_height={sensor_height!r:.40} is no height in meters')
    return height


def finds_ground(model: nn.Module) -> bool:
    """Whether a model finds the ground of each cloud by itself, or takes it as it is told."""
    return hasattr(getattr(model, 'data_preprocessor', None), 'sensor_height')


def learned_ground(config: Config, training: PointStatistics | None) -> float | None:
    """Height of the ground in training in meters, LiDAR frame; None if nobody knows."""
    if training is not None and training.ground is not None:
        return training.ground[1]
    dataset = (config.get('test_dataloader') or config.get('val_dataloader') or {}).get('dataset')
    while isinstance(dataset, Mapping) and 'dataset' in dataset:
        dataset = dataset['dataset']
    kind = find_registered(str((dataset or {}).get('type')))
    return (getattr(kind, 'METAINFO', None) or {}).get('ground_height')


def shifted_calibration(calibration: Mapping[str, Any], shift: float) -> Mapping[str, Any]:
    """Matrices for points whose z was raised by ``shift``; the calibration itself for 0."""
    if not shift:
        return calibration
    back = np.eye(4)
    back[2, 3] = -shift
    changed = dict(calibration)
    for key in ('lidar2img', 'lidar2cam', 'lidar2global'):
        if key in changed:
            matrix = np.asarray(changed[key], np.float64)
            square = np.broadcast_to(np.eye(4), (*matrix.shape[:-2], 4, 4)).copy()
            square[..., :matrix.shape[-2], :matrix.shape[-1]] = matrix
            changed[key] = square @ back
    return changed
