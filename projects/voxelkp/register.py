"""Registers what configs name of voxelkp: its detectors, layers, transforms and statements."""
import sparse3d.register  # noqa: F401, I001  (first: repairs the stack, registers the core)

import voxelkp.config_statements  # noqa: F401
from voxelkp.augment_people import AugmentPeople
from voxelkp.bev_fusion import SparseBEVFusion
from voxelkp.evaluation_variants import KeypointMetricByVariant, SetEvaluationVariant
from voxelkp.crop_around_objects import CropAroundObjects
from voxelkp.sparse_keypoint_encoder import SparseKeypointEncoder
from voxelkp.sparse_keypoint_head import SparseKeypointHead
from voxelkp.voxelkp_detector import VoxelKP

__all__ = [
    'AugmentPeople',
    'CropAroundObjects',
    'KeypointMetricByVariant',
    'SetEvaluationVariant',
    'SparseBEVFusion',
    'SparseKeypointEncoder',
    'SparseKeypointHead',
    'VoxelKP',
]
