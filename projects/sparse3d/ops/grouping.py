"""Features of listed points, and the gradient back to the points."""
from __future__ import annotations

from torch import Tensor


def gather_points(
        features: Tensor,   # [B, C, N]
        indices: Tensor,    # [B, ...] integers, rows of the last axis of features
) -> Tensor:                # [B, C, ...]
    """The features of the listed points, for any number of listing axes.

    Raises:
        IndexError or RuntimeError: for a row that is not there.
    """
    samples, channels, _ = features.shape
    rows = indices.reshape(samples, 1, -1).long().expand(-1, channels, -1)
    return features.gather(2, rows).view(samples, channels, *indices.shape[1:])


def gather_points_backward(
        grad: Tensor,       # [B, C, ...]
        indices: Tensor,    # [B, ...]
        points: int,
) -> Tensor:                # [B, C, points]
    """Gradient of :func:`gather_points`: the sum over the places in which a point is listed."""
    samples, channels = grad.shape[:2]
    rows = indices.reshape(samples, 1, -1).long().expand(-1, channels, -1)
    return grad.new_zeros(samples, channels, points).scatter_add_(2, rows, grad.flatten(2))


def group_stacked_points(
        features: Tensor,       # [N, C], the samples one after the other
        feature_counts: Tensor,  # [B] rows of each sample
        indices: Tensor,        # [M, K] rows within the sample
        index_counts: Tensor,   # [B] lists of each sample
) -> Tensor:                    # [M, C, K]
    """The features of the listed points of samples of different sizes."""
    if len(indices) == 0 or len(features) == 0:
        return features.new_zeros(len(indices), features.shape[1], indices.shape[1])
    rows = stacked_rows(feature_counts, indices, index_counts)
    return features[rows].transpose(1, 2)


def group_stacked_points_backward(
        grad: Tensor,           # [M, C, K]
        feature_counts: Tensor,
        indices: Tensor,
        index_counts: Tensor,
        points: int,
) -> Tensor:                    # [points, C]
    """Gradient of :func:`group_stacked_points`."""
    total = grad.new_zeros(points, grad.shape[1])
    if len(indices) == 0 or points == 0:
        return total
    rows = stacked_rows(feature_counts, indices, index_counts)
    return total.index_add_(0, rows.flatten(), grad.transpose(1, 2).flatten(0, 1))


def stacked_rows(feature_counts: Tensor, indices: Tensor, index_counts: Tensor) -> Tensor:
    """Rows within samples to rows of the stacked table: [M, K] int64."""
    starts = feature_counts.long().cumsum(0) - feature_counts
    return starts.repeat_interleave(index_counts.long(), output_size=len(indices))[:, None] \
        + indices.long()
