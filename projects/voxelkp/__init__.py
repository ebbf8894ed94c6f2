"""VoxelKP: people and their joints in LiDAR scenes, fully sparse (ICCV 2025)."""
import sparse3d  # noqa: F401, I001  (first: repairs the stack, registers the core)

import voxelkp.config_statements  # noqa: F401
from voxelkp.augment_people import AugmentPeople
from voxelkp.bev_fusion import SparseBEVFusion
from voxelkp.cloud_kinds import KeypointMetricByCloud, NameCloud
from voxelkp.keep_around_people import KeepAroundPeople
from voxelkp.sparse_keypoint_encoder import SparseKeypointEncoder
from voxelkp.sparse_keypoint_head import SparseKeypointHead
from voxelkp.voxelkp_detector import VoxelKP

__all__ = [
    'AugmentPeople',
    'KeepAroundPeople',
    'KeypointMetricByCloud',
    'NameCloud',
    'SparseBEVFusion',
    'SparseKeypointEncoder',
    'SparseKeypointHead',
    'VoxelKP',
]
