"""KITTI: official files to info files."""
from sparse3d.datasets.kitti.prepare.frames import PreparationReport, prepare_kitti

__all__ = [
    'PreparationReport',
    'prepare_kitti',
]
