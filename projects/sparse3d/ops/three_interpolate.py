"""Weighed sum of the features of three points."""
from __future__ import annotations

from torch import Tensor

from sparse3d.ops.grouping import gather_points, gather_points_backward


def three_interpolate(
        features: Tensor,   # [B, C, M]
        indices: Tensor,    # [B, N, 3] rows of the last axis of features
        weights: Tensor,    # [B, N, 3]
) -> Tensor:                # [B, C, N]
    """Interpolate features at N points from three points each.

    Source: Qi et al., PointNet++ (NeurIPS 2017), section 3.4.
    """
    first, second, third = (
        gather_points(features, indices[..., place]) * weights[:, None, :, place]
        for place in range(3))
    return first + second + third


def three_interpolate_backward(
        grad: Tensor,       # [B, C, N]
        indices: Tensor,    # [B, N, 3]
        weights: Tensor,    # [B, N, 3]
        points: int,
) -> Tensor:                # [B, C, points]
    """Gradient of :func:`three_interpolate` for the features (weights get none)."""
    return gather_points_backward(grad[..., None] * weights[:, None], indices, points)
