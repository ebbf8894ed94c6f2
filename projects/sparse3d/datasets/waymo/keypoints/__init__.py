"""Waymo's 3D keypoints: dataset and metrics."""
from sparse3d.datasets.waymo.keypoints.evaluation import (
    KeypointProtocol,
    KeypointResult,
    evaluate_keypoints,
)
from sparse3d.datasets.waymo.keypoints.people import KeypointPeople

__all__ = [
    'KeypointPeople',
    'KeypointProtocol',
    'KeypointResult',
    'evaluate_keypoints',
]
