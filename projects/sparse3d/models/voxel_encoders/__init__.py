"""Voxel encoders: from the points of a voxel to its features."""
from sparse3d.models.voxel_encoders.dynamic_voxel_encoder import DynamicVoxelEncoder

__all__ = ['DynamicVoxelEncoder']
