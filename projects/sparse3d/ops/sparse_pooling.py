"""Pooling of sparse voxels on the CPU: local (over a kernel) and global (over a sample).

Only voxels that exist are pooled: an absent neighbor is neither a zero nor counted.
"""
from __future__ import annotations

import torch
from torch import Tensor

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
    pooled = _largest(features[inputs], outputs.long(), pairs.num_outputs)
    return pooled if floor is None else pooled.clamp_min(floor)


def sparse_average_pool(
        features: Tensor,       # [N, C] floating
        pairs: PairTable,       # N inputs, M outputs
) -> Tensor:                    # [M, C]
    """Mean over the inputs that each output voxel has."""
    inputs, outputs, _ = pairs.pairs
    return _mean(features[inputs], outputs.long(), pairs.num_outputs)


def global_max_pool(features: Tensor, samples: Tensor, batch_size: int) -> Tensor:
    """Largest value of each channel per sample, [B, C]; zeros for a sample without voxels.

    Args:
        features: [N, C] floating.
        samples: [N] integer, the sample each voxel belongs to.
    """
    return _largest(features, samples.long(), batch_size)


def global_average_pool(features: Tensor, samples: Tensor, batch_size: int) -> Tensor:
    """Mean of each channel per sample, [B, C]; zeros for a sample without voxels.

    Args:
        features: [N, C] floating.
        samples: [N] integer, the sample each voxel belongs to.
    """
    return _mean(features, samples.long(), batch_size)


def _largest(values: Tensor, groups: Tensor, num_groups: int) -> Tensor:
    start = values.new_zeros(num_groups, values.shape[1])
    return start.scatter_reduce(
        0, groups[:, None].expand_as(values), values, 'amax', include_self=False)


def _mean(values: Tensor, groups: Tensor, num_groups: int) -> Tensor:
    work_type = torch.promote_types(values.dtype, torch.float32)
    total = values.new_zeros(num_groups, values.shape[1], dtype=work_type)
    total = total.index_add(0, groups, values.to(work_type))
    counts = torch.bincount(groups, minlength=num_groups).clamp_min(1)
    return (total / counts[:, None]).to(values.dtype)
