"""Configs and drawn batches with more of one thing: points, voxels, queries, frames, cameras."""
from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.config import Config

from sparse3d.engine.drawn_batch import Wanted
from sparse3d.engine.trial_step import Trial

# Numbers of a model that count its queries, and its frames.
QUERIES = ('num_queries', 'num_lidar_queries', 'num_camera_queries', 'num_proposals',
           'num_anchors')
REMEMBERED = ('num_temporal',)      # of them, from frame to frame
FRAMES = ('num_frames',)
GRIDS = ('num_queries',)            # which may begin on a square grid


@dataclass(frozen=True)
class Size:
    """How much a sample holds.

    Attributes:
        voxels: that have a point.
        points_per_voxel: points in each.
        cameras: of a frame. image: height and width [pixels].
    """

    voxels: int
    points_per_voxel: int
    cameras: int
    image: tuple[int, int]


def grown_config(config: Config, axis: str, factor: int) -> Config | None:
    """A config whose model has ``factor`` times as many; None if it has nothing of the kind.

    Of queries and frames the config itself tells (``grown_to`` is their number); points, voxels
    and cameras are the batch's.
    """
    grown = copy.deepcopy(config)
    # An auxiliary branch that learns from depth maps of real clouds.
    if grown.model.get('depth_branch'):
        grown.model.depth_branch = None
    wanted = Wanted.of(grown)
    if axis in ('points', 'voxels'):
        return grown if wanted.point_columns else None
    if axis == 'cameras':
        return grown if wanted.views else None
    keys = QUERIES if axis == 'queries' else FRAMES
    with_these = (*keys, *REMEMBERED) if axis == 'queries' else keys
    if axis == 'frames' and wanted.frames < 2:
        return None     # one frame at a time: its cost does not grow with the drive
    model = _multiplied(grown.model.to_dict(), with_these, factor)
    if not _numbers(model, keys):
        return None
    grown.model = model
    grown.grown_to = max(_numbers(model, keys))
    return grown


def capacity(config: Config) -> int:
    """How many voxels a grid of one layer has room for and the model takes; 0 without a grid."""
    layer = (config.model.get('data_preprocessor') or {}).get('voxel_layer')
    if not layer:
        return 0
    cells = int(np.prod(_cells(layer)[:2]))
    most = layer.get('max_voxels', cells)
    most = min(most) if isinstance(most, list | tuple) else most
    return min(cells, most) if most > 0 else cells


def grown_batch(trial: Trial, size: Size, seed: int = 0) -> dict[str, Any]:
    """A batch of one sample for a trial: its drawn objects, and clouds of a given size.

    Points are spread over cells of one layer of the grid, every cell as often as another.
    """
    batch = trial.batch(seed=seed)
    if 'points' in batch['inputs']:
        layer = trial.config.model.data_preprocessor.voxel_layer
        columns = batch['inputs']['points'][0].shape[1]
        batch['inputs']['points'] = [cloud(layer, size, columns, seed)]
    for sample in batch['data_samples']:    # what a detector that remembers needs to know
        sample.set_metainfo(dict(timestamp=100.0, lidar2global=np.eye(4), scene_token='drawn'))
    return batch


def cloud(layer: Mapping[str, Any], size: Size, columns: int, seed: int = 0) -> torch.Tensor:
    """[voxels * points_per_voxel, columns] float32 in cells of the grid's middle layer."""
    random = np.random.default_rng(seed)
    low, voxel = np.array(layer['point_cloud_range'][:3]), np.array(layer['voxel_size'])
    cells = _cells(layer)
    chosen = random.choice(int(cells[0] * cells[1]), size.voxels, replace=False)
    place = np.column_stack([chosen % cells[0], chosen // cells[0],
                             np.full(size.voxels, cells[2] // 2)])
    place = np.repeat(place, size.points_per_voxel, axis=0)
    inside = random.uniform(0.1, 0.9, place.shape)
    points = random.uniform(0, 0.5, (len(place), columns))
    points[:, :3] = low + (place + inside) * voxel
    return torch.from_numpy(random.permutation(points).astype(np.float32))


def _cells(layer: Mapping[str, Any]) -> np.ndarray:
    """How many cells x, y, z have."""
    limits, voxel = np.array(layer['point_cloud_range']), np.array(layer['voxel_size'])
    return np.round((limits[3:] - limits[:3]) / voxel).astype(np.int64)


def _multiplied(node: Any, keys: tuple[str, ...], factor: int) -> Any:
    if isinstance(node, Mapping):
        return {key: _times(value, factor, key in GRIDS) if key in keys and isinstance(value, int)
                else _multiplied(value, keys, factor) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return type(node)(_multiplied(value, keys, factor) for value in node)
    return node


def _times(number: int, factor: int, is_grid: bool) -> int:
    """So many times as many; of a square grid the nearest square."""
    grown = number * factor
    return round(grown ** 0.5) ** 2 if is_grid and math.isqrt(number) ** 2 == number else grown


def _numbers(node: Any, keys: tuple[str, ...]) -> list[int]:
    """All numbers above 0 under these keys."""
    if isinstance(node, Mapping):
        own = [value for key, value in node.items()
               if key in keys and isinstance(value, int) and value > 0]
        return own + [number for value in node.values() for number in _numbers(value, keys)]
    if isinstance(node, list | tuple):
        return [number for value in node for number in _numbers(value, keys)]
    return []
