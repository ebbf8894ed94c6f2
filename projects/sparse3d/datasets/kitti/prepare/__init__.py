"""KITTI: official files to info files."""
from sparse3d.datasets.kitti.prepare.frames import prepare_kitti
from sparse3d.preparation.preparation_report import PreparationReport

__all__ = [
    'PreparationReport',
    'prepare_kitti',
]
