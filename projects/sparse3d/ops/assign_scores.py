"""Position-adaptive convolution: features of neighbors under scores of a bank of weights."""
from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from sparse3d.ops.pair_chunks import row_chunks

NUMBERS_AT_ONCE = 1 << 20


def assign_scores(
        scores: Tensor,     # [B, N, K, M] of the weight matrices, for each neighbor
        points: Tensor,     # [B, P, M, C] features of the points under each weight matrix
        centers: Tensor,    # [B, P, M, C] the same for their part as centers
        neighbors: Tensor,  # [B, N, K] rows of points; the first is the center itself
) -> Tensor:                # [B, C, N, K]
    """Sum over the weight matrices of score times (feature of neighbor - feature of center).

    A neighbor that is no row of the points adds zero.

    Source: Xu et al., PAConv (CVPR 2021), section 3.1 and appendix D.
    """
    samples, queries, listed, _ = scores.shape
    result = points.new_zeros(samples, queries, listed, points.shape[3])
    for sample, part, neighbor, center, there in _parts(points, neighbors):
        difference = points[sample, neighbor] - centers[sample, center][:, None]  # [n, K, M, C]
        result[sample, part] = torch.einsum(
            'nkm,nkmc->nkc', scores[sample, part], difference) * there[..., None]
    return result.permute(0, 3, 1, 2)


def assign_scores_backward(
        grad: Tensor,       # [B, C, N, K]
        scores: Tensor,
        points: Tensor,
        centers: Tensor,
        neighbors: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:  # gradients of scores, points, centers
    """Gradient of :func:`assign_scores`."""
    of_scores, of_points, of_centers = (torch.zeros_like(table)
                                        for table in (scores, points, centers))
    for sample, part, neighbor, center, there in _parts(points, neighbors):
        of_part = grad[sample, :, part].permute(1, 2, 0) * there[..., None]       # [n, K, C]
        difference = points[sample, neighbor] - centers[sample, center][:, None]
        of_scores[sample, part] = torch.einsum('nkc,nkmc->nkm', of_part, difference)
        share = scores[sample, part][..., None] * of_part[:, :, None]             # [n, K, M, C]
        of_points[sample].index_add_(0, neighbor.flatten(), share.flatten(0, 1))
        of_centers[sample].index_add_(0, center, -share.sum(1))
    return of_scores, of_points, of_centers


def _parts(points: Tensor, neighbors: Tensor,
           ) -> Iterator[tuple[int, slice, Tensor, Tensor, Tensor]]:
    """Runs of queries: sample, slice, rows of neighbors, rows of centers, [n, K] a row is there."""
    rows, listed = points.shape[1], neighbors.shape[2]
    if rows == 0:
        return
    width = listed * points.shape[2] * points.shape[3]
    for sample in range(len(neighbors)):
        for part in row_chunks(neighbors.shape[1], width, NUMBERS_AT_ONCE):
            neighbor = neighbors[sample, part].long()
            there = (neighbor >= 0) & (neighbor < rows)
            neighbor = neighbor.clamp(0, rows - 1)
            yield sample, part, neighbor, neighbor[:, 0], there
