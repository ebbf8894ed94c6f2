"""The focal layer without its convolution, done step by step as it was released.

Only to measure against and to compare with: a loop over the samples, float sort keys,
tables of all neighbors and of all voxels times boxes.
"""
from __future__ import annotations

import torch
from torch import Tensor


def dilate_in_a_loop(
        features: Tensor,       # [N, C]
        coordinates: Tensor,    # [N, 4] int32 (sample, z, y, x)
        logits: Tensor,         # [N, K]
        offsets: Tensor,        # [K-1, 3]
        spatial_shape: list[int],
        batch_size: int,
        threshold: float = 0.5,
) -> tuple[Tensor, Tensor]:     # [M, 4] int32, [M, C]
    """Top-k selection with ``mask_multi``, dilation, and both passes of merging."""
    dilated = []
    for sample in range(batch_size):
        rows = coordinates[:, 0] == sample
        if rows.any():
            dilated.append(_dilate_sample(features[rows], coordinates[rows], logits[rows].sigmoid(),
                                          offsets.float(), spatial_shape, threshold))
    return torch.cat([cells for cells, _ in dilated]), torch.cat([values for _, values in dilated])


def _dilate_sample(features: Tensor, coordinates: Tensor, importance: Tensor, offsets: Tensor,
                   spatial_shape: list[int], threshold: float) -> tuple[Tensor, Tensor]:
    features = features * importance[:, -1:]
    order = importance[:, -1].sort(descending=True)[1]
    kept = int(len(order) * threshold)
    foreground, background = order[:kept], order[kept:]
    candidate_importance = importance[foreground, :-1]
    neighbors = coordinates[foreground, 1:].unsqueeze(1).repeat(1, len(offsets), 1) + offsets
    wanted = candidate_importance >= threshold
    cells, candidate_importance = neighbors[wanted], candidate_importance[wanted]
    upper = torch.tensor(spatial_shape, device=cells.device)
    inside = (cells > 0).all(1) & (cells < upper).all(1)
    cells, candidate_importance = cells[inside], candidate_importance[inside]
    sample = coordinates[:1, :1].float().expand(len(cells), 1)
    entries = torch.cat([coordinates[foreground].float(), torch.cat([sample, cells], 1)])
    values = torch.cat([features[foreground], features.new_zeros(len(cells), features.shape[1])])
    weights = torch.cat([candidate_importance.new_ones(kept), candidate_importance])
    entries, values, weights = _join_equal(entries, values, weights)
    entries = torch.cat([entries.int(), coordinates[background]])
    values = torch.cat([values * weights.unsqueeze(1), features[background]])
    return _join_equal(entries, values, values.new_ones(len(values)))[:2]


def _join_equal(entries: Tensor, values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sort by a key, sum the features and average the weights of runs with equal keys."""
    z, y, x = entries[:, 1:].unbind(1)
    order = (z * y.max() * x.max() + y * x.max() + x).sort()[1]
    entries, values, weights = entries[order], values[order], weights[order]
    z, y, x = entries[:, 1:].int().unbind(1)
    _, run, counts = torch.unique_consecutive(z * y.max() * x.max() + y * x.max() + x,
                                              return_inverse=True, return_counts=True)
    last = counts.cumsum(0) - 1
    summed = values.new_zeros(len(counts), values.shape[1]).index_add(0, run, values)
    mean = weights.new_zeros(len(counts)).index_add(0, run, weights) / counts
    return entries[last], summed, mean


def importance_loss_in_a_loop(logits: Tensor, corners: Tensor, coordinates: Tensor,
                              boxes: list[Tensor]) -> Tensor:
    """Targets from a table of all voxels times all boxes of a sample, two softmaxes, focal loss.

    Args:
        logits: [N, K].
        corners: [N, 3] meters.
        coordinates: [N, 4].
        boxes: for each sample [n, 7], z at the bottom face.
    """
    importance, targets = [], []
    for sample, of_sample in enumerate(boxes):
        rows = coordinates[:, 0] == sample
        importance.append(logits[rows, -1].sigmoid())
        centers = of_sample[:, :3] + of_sample[:, 3:6] * of_sample.new_tensor([0, 0, 0.5])
        offset = corners[rows].unsqueeze(1).repeat(1, len(of_sample), 1) - centers  # [N, M, 3]
        cos, sin = of_sample[:, 6].cos(), of_sample[:, 6].sin()
        along = offset[..., 0] * cos + offset[..., 1] * sin
        across = offset[..., 1] * cos - offset[..., 0] * sin
        half = of_sample[:, 3:6] / 2
        targets.append(((along.abs() < half[:, 0] + 1e-5) & (across.abs() < half[:, 1] + 1e-5)
                        & (offset[..., 2].abs() <= half[:, 2])).any(1))
    importance, targets = torch.cat(importance), torch.cat(targets).long()
    scores = torch.stack([1 - importance, importance], 1).softmax(1).clamp(1e-7, 1 - 1e-7)
    one_hot = torch.zeros_like(scores).scatter_(1, targets.unsqueeze(1), 1)
    return (-one_hot * scores.log() * (1 - scores) ** 2).mean()
