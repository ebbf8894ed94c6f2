"""Waymo's detection metrics."""
from sparse3d.datasets.waymo.evaluate.evaluate import WaymoResult, evaluate_waymo
from sparse3d.datasets.waymo.evaluate.objects import WaymoObjects

__all__ = [
    'WaymoObjects',
    'WaymoResult',
    'evaluate_waymo',
]
