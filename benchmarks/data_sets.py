"""Simulated data sets to measure loading on, made once and kept in the user's cache."""
from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sparse3d.atomic_files import make_folder, write_bytes_atomically
from sparse3d.datasets.kitti.prepare import prepare_kitti
from sparse3d.datasets.kitti.prepare.crops import cut_crops as cut_kitti_crops
from sparse3d.datasets.kitti.simulate import simulate_kitti
from sparse3d.datasets.nuscenes.prepare.crops import cut_crops as cut_nuscenes_crops
from sparse3d.datasets.nuscenes.prepare.frames import prepare_nuscenes
from sparse3d.datasets.nuscenes.simulate import NuScenesOptions, simulate_nuscenes
from sparse3d.datasets.waymo.prepare import prepare_waymo
from sparse3d.datasets.waymo.simulate import WaymoOptions, simulate_waymo


@dataclass(frozen=True)
class Sizes:
    """How large the data sets are that are made where there are none yet."""

    kitti_frames: int = 24
    nuscenes_scenes: int = 2
    # Pictures as large as the real ones; as few of them as eight frames of a sample need.
    nuscenes: NuScenesOptions = NuScenesOptions(seconds=4, image_width=1600, camera_rate=2)
    # Range images as large as the real ones, frames half a second apart.
    waymo: WaymoOptions = WaymoOptions(seconds=4, frame_rate=2, columns=2650, image_width=0)


FULL = Sizes()


def folder() -> Path:
    """Where the data sets are: ``SPARSE3D_BENCHMARK_DATA``, or below the user's cache.

    Not the temporary folder: who shares the machine could have put files there.
    """
    if named := os.environ.get('SPARSE3D_BENCHMARK_DATA'):
        return Path(named)
    cache = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache')
    path = cache / 'sparse3d' / 'benchmark'
    make_folder(path, mode=0o700)
    return path


def kitti(sizes: Sizes = FULL) -> Path:
    """A prepared simulated KITTI with a database and object images."""
    root = folder() / 'kitti'
    if not _is_there(root):
        simulate_kitti(root, sizes.kitti_frames, seed=0)
        prepare_kitti(root)
        cut_kitti_crops(root)
        _note(root)
    return root


def nuscenes(sizes: Sizes = FULL) -> Path:
    """A prepared simulated nuScenes with a database and object images."""
    root = folder() / 'nuscenes'
    if not _is_there(root):
        simulate_nuscenes(root, sizes.nuscenes_scenes, seed=0, options=sizes.nuscenes)
        prepare_nuscenes(root)
        cut_nuscenes_crops(root)
        _note(root)
    return root


def waymo(sizes: Sizes = FULL) -> Path:
    """A prepared simulated Waymo segment without pictures."""
    root = folder() / 'waymo'
    if not _is_there(root):
        simulate_waymo(root, 1, seed=0, options=sizes.waymo)
        prepare_waymo(root, database_interval=1)
        _note(root)
    return root / 'kitti_format'


def _is_there(root: Path) -> bool:
    return (root / 'benchmark_data_is_complete').is_file()


def _note(root: Path) -> None:
    write_bytes_atomically(root / 'benchmark_data_is_complete', b'')
