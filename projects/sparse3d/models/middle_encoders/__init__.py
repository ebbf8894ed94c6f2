"""Sparse encoders between voxels and maps that several methods share."""
from sparse3d.models.middle_encoders.pruned_sparse_encoder import PrunedSparseEncoder

__all__ = ['PrunedSparseEncoder']
