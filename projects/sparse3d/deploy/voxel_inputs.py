"""Voxels to compare a graph on: of drawn sweeps or of files, of one voxel and of none."""
from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from sparse3d.errors import DataError
from sparse3d.simulate.sweep import drawn_sweep


def clouds_of(columns: int, files: Sequence[str | PathLike]) -> dict[str, Tensor]:
    """Clouds [N, columns] by name: those of files, else two drawn sweeps of different sizes."""
    if files:
        return {Path(path).name: read_cloud(path, columns) for path in files}
    sweep = drawn_sweep()[:, :4]
    sweep[:, 3] = (sweep[:, 3] / 255).tanh()
    padded = pad(sweep, (0, max(0, columns - 4)))[:, :columns]
    return {'drawn sweep': padded, 'third of a sweep': padded[::3].contiguous()}


def read_cloud(path: str | PathLike, columns: int) -> Tensor:
    """Points [N, columns] of a float32 file.

    Raises:
        DataError: if it cannot be read, or holds no such rows.
    """
    try:
        values = np.fromfile(path, '<f4')
    except OSError as error:
        raise DataError(f'point cloud {path} cannot be read: {error.strerror}') from error
    if values.size % columns:
        raise DataError(f'{path} holds {values.size} numbers, which are no rows of {columns}')
    return torch.from_numpy(values.reshape(-1, columns))


@torch.no_grad()
def voxels_of(detector: nn.Module, cloud: Tensor) -> dict[str, Tensor]:
    """Inputs of the graph, by the detector's own preprocessor."""
    batch = detector.data_preprocessor({'inputs': {'points': [cloud]}, 'data_samples': None},
                                       False)
    voxels = batch['inputs']['voxels']
    return {'voxels': voxels['voxels'], 'num_points': voxels['num_points'].int(),
            'coordinates': voxels['coors'].int()}


def drawn_voxels(detector: nn.Module, columns: int,
                 files: Sequence[str | PathLike]) -> dict[str, dict[str, Tensor]]:
    """Inputs by case: each cloud, then one voxel and none.

    Raises:
        DataError: for a cloud without a point in the range.
    """
    cases = {name: voxels_of(detector, cloud)
             for name, cloud in clouds_of(columns, files).items()}
    for name, inputs in cases.items():
        if not len(inputs['voxels']):
            raise DataError(f'{name} has no point in the range of the model')
    first = next(iter(cases.values()))
    for name, count in (('one voxel', 1), ('no voxel', 0)):
        cases[name] = {key: value[:count].clone() for key, value in first.items()}
    return cases
