"""A full LiDAR sweep, drawn: for whoever needs points and has no file."""
from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

BEAMS, AZIMUTHS = 32, 1084  # as many points as a nuScenes sweep


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
