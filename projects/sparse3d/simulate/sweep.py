"""A full LiDAR sweep to measure on: a real one where there is one, else a drawn one."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

BEAMS, AZIMUTHS = 32, 1084  # as many points as a nuScenes sweep


def full_sweep() -> tuple[Tensor, str]:  # [34688, 5]  x, y, z, intensity, ring
    """The nuScenes sweep below the folder ``$SPARSE3D_REAL_DATA`` and its name, or a drawn one."""
    for path in real_files('nuscenes_frame/*LIDAR_TOP*.bin'):
        return torch.from_numpy(np.fromfile(path, '<f4').reshape(-1, 5)), 'nuScenes sweep'
    return drawn_sweep(), 'drawn sweep'


def real_files(pattern: str) -> list[Path]:
    """Files of real frames below the folder ``$SPARSE3D_REAL_DATA``; none where it is not set."""
    folder = os.environ.get('SPARSE3D_REAL_DATA')
    return sorted(Path(folder).glob(pattern)) if folder else []


def drawn_sweep(seed: int = 0) -> Tensor:  # [34688, 5]
    """Beams of a spinning sensor 1.8 m above flat ground among walls at random distances."""
    random = np.random.default_rng(seed)
    elevation = np.radians(np.linspace(-30, 10, BEAMS))[:, None]
    azimuth = np.linspace(-np.pi, np.pi, AZIMUTHS, endpoint=False)[None]
    wall = random.uniform(8, 60, AZIMUTHS // 4).repeat(4)[None]
    ground = np.where(elevation < 0, 1.8 / np.maximum(-np.sin(elevation), 1e-3), np.inf)
    distance = np.minimum(ground, wall) + random.normal(0, 0.02, (BEAMS, AZIMUTHS))
    level = distance * np.cos(elevation)
    columns = [level * np.cos(azimuth), level * np.sin(azimuth),
               distance * np.sin(elevation), random.uniform(0, 255, (BEAMS, AZIMUTHS)),
               np.broadcast_to(np.arange(BEAMS)[:, None], (BEAMS, AZIMUTHS))]
    return torch.tensor(np.stack(columns, -1).reshape(-1, 5), dtype=torch.float32)
