"""Encoders learned from drives without labels, by masking (BEV-MAE, SparK)."""
import sparse3d.compat.applied  # noqa: F401  (these parts rest on it)
from sparse3d.pretraining.masked_images import MaskedImagePretraining
from sparse3d.pretraining.masked_voxels import MaskedVoxelPretraining

__all__ = ['MaskedImagePretraining', 'MaskedVoxelPretraining']
