"""Waymo's detection metrics."""
from sparse3d.datasets.waymo.evaluate.evaluate import evaluate_waymo
from sparse3d.datasets.waymo.evaluate.objects import WaymoObjects
from sparse3d.datasets.waymo.evaluate.result import WaymoResult

__all__ = [
    'WaymoObjects',
    'WaymoResult',
    'evaluate_waymo',
]
