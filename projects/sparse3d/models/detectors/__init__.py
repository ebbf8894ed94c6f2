"""Detectors: an encoder, a neck and a head wired in one short class."""
from sparse3d.models.detectors.ground_detector import GroundDetector, GroundPreprocessor
from sparse3d.models.detectors.voxel_backbone import VoxelBackbone
from sparse3d.models.detectors.voxel_detector import VoxelDetector

__all__ = [
    'GroundDetector',
    'GroundPreprocessor',
    'VoxelBackbone',
    'VoxelDetector',
]
