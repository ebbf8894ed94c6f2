"""Metrics of the three benchmarks."""
from sparse3d.evaluation.box_average_precision import BoxResult, evaluate_boxes
from sparse3d.evaluation.box_detection_metric import BoxDetectionMetric
from sparse3d.evaluation.found_objects import MatchedObjectsMetric
from sparse3d.evaluation.keypoint_evaluation import (
    KeypointProtocol,
    KeypointResult,
    evaluate_keypoints,
)
from sparse3d.evaluation.keypoint_metric import WaymoKeypointMetric
from sparse3d.evaluation.keypoint_people import KeypointPeople
from sparse3d.evaluation.kitti_annotations import KittiObjects
from sparse3d.evaluation.kitti_detection_metric import KittiDetectionMetric
from sparse3d.evaluation.kitti_evaluation import KittiResult, evaluate_kitti
from sparse3d.evaluation.kitti_submission import write_submission
from sparse3d.evaluation.nuscenes_detection_metric import NuScenesDetectionMetric
from sparse3d.evaluation.nuscenes_evaluation import NuScenesResult, evaluate_nuscenes
from sparse3d.evaluation.nuscenes_plain_evaluation import evaluate_nuscenes_boxes
from sparse3d.evaluation.waymo_detection_metric import WaymoDetectionMetric
from sparse3d.evaluation.waymo_evaluation import WaymoResult, evaluate_waymo
from sparse3d.evaluation.waymo_objects import WaymoObjects

__all__ = [
    'BoxDetectionMetric',
    'BoxResult',
    'MatchedObjectsMetric',
    'KeypointPeople',
    'KeypointProtocol',
    'KeypointResult',
    'KittiDetectionMetric',
    'KittiObjects',
    'KittiResult',
    'NuScenesDetectionMetric',
    'NuScenesResult',
    'WaymoDetectionMetric',
    'WaymoKeypointMetric',
    'WaymoObjects',
    'WaymoResult',
    'evaluate_boxes',
    'evaluate_keypoints',
    'evaluate_kitti',
    'evaluate_nuscenes',
    'evaluate_nuscenes_boxes',
    'evaluate_waymo',
    'write_submission',
]
