"""Said once of a detector's clouds: out of its range, too many voxels, unlike the training's."""
from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from sparse3d.apis.ground_shift import finds_ground
from sparse3d.engine.hooks.point_statistics import voxel_range
from sparse3d.errors import Sparse3DWarning
from sparse3d.models.detectors.ground_detector import USUAL_HEIGHT
from sparse3d.ops.voxelization import mean_voxelize
from sparse3d.parallel.process_lock import ProcessLock
from sparse3d.structures.point_statistics import (
    OTHER_GROUND,
    Limits,
    PointStatistics,
    TrainingComparison,
)


class CloudWarnings:
    """Looks at clouds before a model does, and says each kind of trouble once, with numbers.

    Args:
        model: range, voxel size and limit are those of its voxelization; a model without one
            has nothing to say. One that finds the ground by itself takes any z.
        training: numbers of the training's points, if the checkpoint holds them.
    """

    def __init__(self, model: nn.Module, training: PointStatistics | None = None) -> None:
        self._finder: Any = model.data_preprocessor if finds_ground(model) else None
        limits = voxel_range(model)
        self._comparison = TrainingComparison(
            training, None if limits is None else self._any_height(limits).tolist(),
            None if self._finder is None else self._say_ground)
        self._layer: Any = next(
            (layer for layer in model.modules() if hasattr(layer, 'point_cloud_range')
             and hasattr(layer, 'voxel_size') and hasattr(layer, 'max_voxels')), None)
        self._said: set[str] = set()
        self._lock = ProcessLock()

    def compare(self, points: object, name: str) -> None:
        """Warn if points, as the model takes them, do not look like those of the training."""
        self._comparison.look(points, name, stacklevel=3)

    def look(self, points: np.ndarray, name: str) -> None:
        """Warn if no point of a cloud lies in the range, or its voxels go beyond the limit.

        Args:
            points: (N, >=3) float32, x, y, z in meters.
            name: of the cloud, for the warning.
        """
        if self._layer is None or not len(points):
            return  # an empty cloud is a normal frame
        limits = self._any_height(self._layer.point_cloud_range)
        xyz = points[:, :3]
        inside = ((xyz >= limits[:3]) & (xyz < limits[3:])).all(axis=1)
        if not inside.any():
            lie = ', '.join(f'{axis} {low:,.1f} to {high:,.1f}' for axis, low, high in
                            zip('xyz', xyz.min(0), xyz.max(0), strict=True))
            self._say('range', f'none of the {len(points):,} points of {name} lies in the range of '
                      f'the model, {_range(limits)}: they lie at {lie}; give meters in the LiDAR '
                      f'frame, x forward, y left, z up from the sensor')
            return
        limit = self._max_voxels()
        if self._finder is None and 0 < limit < inside.sum() and 'voxels' not in self._said:
            count = len(mean_voxelize(torch.from_numpy(np.ascontiguousarray(xyz[inside])),
                                      self._layer.voxel_size, self._layer.point_cloud_range)[2])
            if count > limit:
                self._say('voxels', f'{name} fills {count:,} voxels, the model takes the first '
                          f'{limit:,}: the points of the others are left out; raise max_voxels of '
                          f'the voxel_layer, or leave out points')

    def _any_height(self, limits: Sequence[float]) -> np.ndarray:
        """Limits of x, y, z that hold before the ground is moved."""
        numbers = np.array([float(value) for value in limits])
        if self._finder is not None:
            numbers[[2, 5]] = -np.inf, np.inf
        return numbers

    def _say_ground(self, found: float | None, learned: Limits | None) -> str | None:
        """What is odd about the ground of a cloud for a model that finds it by itself."""
        given = self._finder.sensor_height
        if given is not None:
            return None if found is None or abs(found + given) <= OTHER_GROUND else (
                f'the ground lies at z {found:.2f} m, and sensor_height={given:g} puts it at '
                f'{0.0 - given:.2f} m')
        if found is None:
            return (f'no ground is seen around the sensor, which is taken to be {USUAL_HEIGHT:g} m '
                    f'above it; --sensor-height tells it')
        if learned is None or learned[0] - OTHER_GROUND <= found <= learned[2] + OTHER_GROUND:
            return None
        return (f'the ground is found at z {found:.2f} m, in training {learned[0]:.2f} to '
                f'{learned[2]:.2f} m: fine for a frame whose origin lies there, else see that z is '
                f'up and in meters')

    def _max_voxels(self) -> int:
        limit = self._layer.max_voxels
        return int(limit[1] if isinstance(limit, list | tuple) else limit)  # training, testing

    def _say(self, kind: str, sentence: str) -> None:
        with self._lock:
            if kind in self._said:
                return
            self._said.add(kind)
        warnings.warn(sentence, Sparse3DWarning, stacklevel=4)  # where the detector was called


def _range(limits: np.ndarray) -> str:
    return ', '.join(f'{axis} {low:g} to {high:g}' for axis, low, high in
                     zip('xyz', limits[:3], limits[3:], strict=True) if np.isfinite(high - low))
