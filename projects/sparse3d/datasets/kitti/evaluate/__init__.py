"""KITTI's average precision."""
from sparse3d.datasets.kitti.evaluate.annotations import KittiObjects
from sparse3d.datasets.kitti.evaluate.evaluate import evaluate_kitti
from sparse3d.datasets.kitti.evaluate.result import KittiResult

__all__ = [
    'KittiObjects',
    'KittiResult',
    'evaluate_kitti',
]
