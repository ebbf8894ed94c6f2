"""nuScenes' detection score."""
from sparse3d.datasets.nuscenes.evaluate.evaluate import NuScenesResult, evaluate_nuscenes
from sparse3d.datasets.nuscenes.evaluate.plain_evaluation import evaluate_nuscenes_boxes

__all__ = [
    'NuScenesResult',
    'evaluate_nuscenes',
    'evaluate_nuscenes_boxes',
]
