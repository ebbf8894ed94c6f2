"""Focal sparse convolutions for 3D object detection (CVPR 2022).

Importing it is light: its contract is read from here without torch. An attribute, or
``import focalsconv.register`` (in a config ``custom_imports``), registers what configs name.
"""
from sparse3d.plugins import registered_attribute

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


def __getattr__(name: str) -> object:
    return registered_attribute(__name__, name, __all__)
