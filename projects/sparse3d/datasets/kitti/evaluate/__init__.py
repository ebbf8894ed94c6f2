"""KITTI's average precision."""
from sparse3d.datasets.kitti.evaluate.annotations import KittiObjects
from sparse3d.datasets.kitti.evaluate.evaluate import KittiResult, evaluate_kitti

__all__ = [
    'KittiObjects',
    'KittiResult',
    'evaluate_kitti',
]
