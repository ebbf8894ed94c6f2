"""A full LiDAR sweep to measure on: a real one where there is one, else a drawn one."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sparse3d.simulate.sweep import drawn_sweep


def full_sweep() -> tuple[Tensor, str]:  # [34688, 5]  x, y, z, intensity, ring
    """The nuScenes sweep below the folder ``$SPARSE3D_REAL_DATA`` and its name, or a drawn one."""
    for path in real_files('nuscenes_frame/*LIDAR_TOP*.bin'):
        return torch.from_numpy(np.fromfile(path, '<f4').reshape(-1, 5)), 'nuScenes sweep'
    return drawn_sweep(), 'drawn sweep'


def real_files(pattern: str) -> list[Path]:
    """Files of real frames below the folder ``$SPARSE3D_REAL_DATA``; none where it is not set."""
    folder = os.environ.get('SPARSE3D_REAL_DATA')
    return sorted(Path(folder).glob(pattern)) if folder else []
