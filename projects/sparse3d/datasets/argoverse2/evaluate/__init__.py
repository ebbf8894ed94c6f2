"""Argoverse 2's detection scores."""
from sparse3d.datasets.argoverse2.evaluate.box_columns import BoxColumns
from sparse3d.datasets.argoverse2.evaluate.detection_score import DetectionRules
from sparse3d.datasets.argoverse2.evaluate.evaluate import Argoverse2Result, evaluate_argoverse2

__all__ = [
    'Argoverse2Result',
    'BoxColumns',
    'DetectionRules',
    'evaluate_argoverse2',
]
