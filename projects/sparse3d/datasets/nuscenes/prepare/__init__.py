"""nuScenes: tables of the devkit to info files."""
from sparse3d.datasets.nuscenes.prepare.frames import NuScenesPreparation, prepare_nuscenes
from sparse3d.datasets.nuscenes.prepare.merging import merge_nuscenes

__all__ = [
    'NuScenesPreparation',
    'merge_nuscenes',
    'prepare_nuscenes',
]
