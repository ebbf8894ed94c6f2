"""Simulated data sets to measure loading on, made once and kept in the temporary folder."""
from __future__ import annotations

import os
import tempfile
from pathlib import Path

from sparse3d.prepare import prepare_kitti
from sparse3d.prepare.nuscenes import prepare_nuscenes
from sparse3d.prepare.object_images import prepare_object_images
from sparse3d.prepare.waymo import prepare_waymo
from sparse3d.simulate import (
    NuScenesOptions,
    WaymoOptions,
    simulate_kitti,
    simulate_nuscenes,
    simulate_waymo,
)

KITTI_FRAMES = 24
NUSCENES_SCENES = 2
# Pictures as large as the real ones; as few of them as eight frames of a sample need.
NUSCENES = NuScenesOptions(seconds=4, image_width=1600, camera_rate=2)
# Range images as large as the real ones, frames half a second apart.
WAYMO = WaymoOptions(seconds=4, frame_rate=2, columns=2650, image_width=0)


def folder() -> Path:
    """Where the data sets are: ``SPARSE3D_BENCHMARK_DATA``, or below the temporary folder."""
    default = Path(tempfile.gettempdir()) / f'sparse3d_benchmark_{os.getuid()}'
    return Path(os.environ.get('SPARSE3D_BENCHMARK_DATA', default))


def kitti() -> Path:
    """A prepared simulated KITTI with a database and object images."""
    root = folder() / 'kitti'
    if not _is_there(root):
        simulate_kitti(root, KITTI_FRAMES, seed=0)
        prepare_kitti(root)
        prepare_object_images(root, 'kitti')
        _note(root)
    return root


def nuscenes() -> Path:
    """A prepared simulated nuScenes with a database and object images."""
    root = folder() / 'nuscenes'
    if not _is_there(root):
        simulate_nuscenes(root, NUSCENES_SCENES, seed=0, options=NUSCENES)
        prepare_nuscenes(root)
        prepare_object_images(root, 'nuscenes')
        _note(root)
    return root


def waymo() -> Path:
    """A prepared simulated Waymo segment without pictures."""
    root = folder() / 'waymo'
    if not _is_there(root):
        simulate_waymo(root, 1, seed=0, options=WAYMO)
        prepare_waymo(root, database_interval=1)
        _note(root)
    return root / 'kitti_format'


def _is_there(root: Path) -> bool:
    return (root / 'benchmark_data_is_complete').is_file()


def _note(root: Path) -> None:
    (root / 'benchmark_data_is_complete').touch()
