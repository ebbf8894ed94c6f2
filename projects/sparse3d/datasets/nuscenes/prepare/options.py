"""What of nuScenes is prepared."""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NuScenesPreparation:
    """What decides the content of the info files."""
    lidar_sweeps: int = 10       # earlier sweeps of a sample, at most
    camera_sweeps: int = 5       # earlier pictures between two key frames, at most
    cameras: bool = True         # False: the pictures are not wanted
    lidar: bool = True           # False: the point clouds are not wanted
    database: bool = True        # whether to make the ground-truth database (from train)
    skip_damaged: bool = False   # leave absent and damaged files out and report them
    val_scenes: tuple[str, ...] = ()  # own splits: these scenes validate, all others train
