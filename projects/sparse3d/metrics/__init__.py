"""Matching, average precision and errors that several data sets share."""
from sparse3d.metrics.box_average_precision import BoxResult, evaluate_boxes
from sparse3d.metrics.matched_objects import MatchedObjectsMetric

__all__ = [
    'BoxResult',
    'MatchedObjectsMetric',
    'evaluate_boxes',
]
