"""Registers what configs name of focalsconv: its detectors, layers, transforms and statements."""
import sparse3d.register  # noqa: F401, I001  (first: repairs the stack, registers the core)

import focalsconv.config_statements  # noqa: F401
from focalsconv.augmented_voxel_detector import AugmentedVoxelDetector
from focalsconv.camera_views import CameraViews, ProjectionOptions
from focalsconv.focal_sparse_convolution import FocalOptions, FocalSparseConvolution
from focalsconv.focal_sparse_encoder import EncodedVoxels, FocalSparseEncoder
from focalsconv.image_features import ShallowImageEncoder
from focalsconv.importance import Importance
from focalsconv.keypoint_abstraction import KeypointEncoder, KeypointRoIPooling
from focalsconv.two_stage_detector import TwoStageVoxelDetector
from focalsconv.roi_head import RoIHead
from focalsconv.voxel_pooling import VoxelRoIPooling

__all__ = [
    'AugmentedVoxelDetector',
    'CameraViews',
    'EncodedVoxels',
    'FocalOptions',
    'FocalSparseConvolution',
    'FocalSparseEncoder',
    'Importance',
    'KeypointEncoder',
    'KeypointRoIPooling',
    'ProjectionOptions',
    'TwoStageVoxelDetector',
    'RoIHead',
    'ShallowImageEncoder',
    'VoxelRoIPooling',
]
