"""Pooling of sparse voxels on the CPU: local (over a kernel) and global (over a sample).

Only voxels that exist are pooled: an absent neighbor is neither a zero nor counted.
"""
from __future__ import annotations

from torch import Tensor

from sparse3d.ops.cells import max_groups, mean_groups
from sparse3d.ops.sparse_pairs import PairTable


def sparse_max_pool(
        features: Tensor,       # [N, C] floating
        pairs: PairTable,       # N inputs, M outputs
        floor: float | None = None,
) -> Tensor:                    # [M, C]
    """Largest input of each output voxel; equal inputs share the gradient.

    Args:
        floor: smallest value that can come out. spconv starts from 0 on a GPU, so that its
            pooling never gives negative values; None is the plain maximum.
    """
    inputs, outputs, _ = pairs.pairs
    pooled = max_groups(features[inputs], outputs.long(), pairs.num_outputs)
    return pooled if floor is None else pooled.clamp_min(floor)


def sparse_average_pool(
        features: Tensor,       # [N, C] floating
        pairs: PairTable,       # N inputs, M outputs
) -> Tensor:                    # [M, C]
    """Mean over the inputs that each output voxel has."""
    inputs, outputs, _ = pairs.pairs
    return mean_groups(features[inputs], outputs.long(), pairs.num_outputs)


def global_max_pool(features: Tensor, samples: Tensor, batch_size: int) -> Tensor:
    """Largest value of each channel per sample, [B, C]; zeros for a sample without voxels.

    Args:
        features: [N, C] floating.
        samples: [N] integer, the sample each voxel belongs to.
    """
    return max_groups(features, samples.long(), batch_size)


def global_average_pool(features: Tensor, samples: Tensor, batch_size: int) -> Tensor:
    """Mean of each channel per sample, [B, C]; zeros for a sample without voxels.

    Args:
        features: [N, C] floating.
        samples: [N] integer, the sample each voxel belongs to.
    """
    return mean_groups(features, samples.long(), batch_size)
