"""VoxelKP: people and their joints in LiDAR scenes, fully sparse (ICCV 2025).

Importing it is light: its contract is read from here without torch. An attribute, or
``import voxelkp.register`` (in a config ``custom_imports``), registers what configs name.
"""
from sparse3d.plugins import registered_attribute

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


def __getattr__(name: str) -> object:
    return registered_attribute(__name__, name, __all__)
