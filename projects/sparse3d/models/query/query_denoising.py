"""Query denoising: noisy ground truth that the decoder learns to repair."""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from sparse3d.models.query.box_code import box_to_query


class Noise(NamedTuple):
    """Random numbers for ``groups`` copies of all ground truth of a batch.

    Attributes:
        shift: [groups, M, 3] in [-1, 1), along x, y, z.
        replace: [groups, M] True where the label is replaced.
        label: [groups, M] the label to put there.
    """

    shift: Tensor
    replace: Tensor
    label: Tensor


class NoisyQueries(NamedTuple):
    """Denoising queries of a batch, S = groups times the most boxes of a sample.

    Attributes:
        query: query boxes [B, S, 10], zero in unfilled slots.
        label: [B, S] noisy class.
        filled: [B, S] False in slots that a sample does not need.
        target_box: [B, S, 9] the clean box.
        target_label: [B, S] the clean class.
        groups: number of copies.
    """

    query: Tensor
    label: Tensor
    filled: Tensor
    target_box: Tensor
    target_label: Tensor
    groups: int


def draw_noise(count: int, num_groups: int, num_classes: int, replaced: float = 0.5,
               device: torch.device | str = 'cpu') -> Noise:
    """Random numbers for ``count`` boxes."""
    return Noise(torch.rand(num_groups, count, 3, device=device) * 2 - 1,
                 torch.rand(num_groups, count, device=device) < replaced,
                 torch.randint(0, num_classes, (num_groups, count), device=device))


def noisy_queries(boxes: Sequence[Tensor], labels: Sequence[Tensor], noise: Noise,
                  point_cloud_range: Sequence[float], box_noise: float = 0.5) -> NoisyQueries:
    """Put shifted boxes and partly replaced labels into slots.

    Args:
        boxes: for each sample [M_b, 9] around gravity centers, meters; an unknown velocity
            is NaN, and zero in the query.
        labels: for each sample [M_b].
        noise: for all boxes of the batch, in the order of the samples.
        box_noise: largest shift in halves of the box; along the axes of the LiDAR frame,
            whatever the box's yaw, as published.

    Source: SparseBEV (ICCV 2023), section 3.1, after DN-DETR; values as in the released code.
    """
    counts = [len(sample) for sample in boxes]
    groups, width = noise.shift.shape[0], max(counts, default=0)
    sample, slot = _slots(counts, boxes[0].device)
    all_boxes, all_labels = torch.cat(list(boxes)), torch.cat(list(labels)).long()

    def into_slots(values: Tensor) -> Tensor:
        """[groups, M, ...] -> [B, groups * width, ...]."""
        grid = values.new_zeros(len(counts), groups, width, *values.shape[2:])
        grid[sample, :, slot] = values.transpose(0, 1)
        return grid.flatten(1, 2)

    shifted = all_boxes.expand(groups, -1, -1).clone()
    shifted[..., :3] += noise.shift * all_boxes[:, 3:6] / 2 * box_noise
    query = box_to_query(shifted, point_cloud_range)
    query = torch.cat([query[..., :3].clamp(0, 1), query[..., 3:8],
                       query[..., 8:].nan_to_num()], -1)
    clean = all_labels.expand(groups, -1)
    return NoisyQueries(
        into_slots(query), into_slots(torch.where(noise.replace, noise.label, clean)),
        into_slots(torch.ones_like(noise.replace)),
        into_slots(all_boxes.expand(groups, -1, -1)), into_slots(clean), groups)


def denoising_attn_mask(noisy: NoisyQueries, matching: int,
                        published_attend_empty_slots: bool = False) -> Tensor:
    """Who must not see whom, denoising queries first.

    Matching queries do not see denoising ones and groups do not see each other; nobody
    sees an unfilled slot but itself.

    Args:
        matching: number of matching queries Q.
        published_attend_empty_slots: unfilled slots are seen inside their group, as published:
            then a sample's losses depend on how many boxes the other samples have.

    Returns:
        [B, S + Q, S + Q] or, as published, [S + Q, S + Q]; True: the row must not see the column.
    """
    slots = noisy.filled.shape[1]
    width = slots // noisy.groups
    device = noisy.filled.device
    group = torch.cat([torch.arange(slots, device=device) // max(width, 1),
                       torch.full((matching,), -1, device=device)])
    hidden = (group[None, :] >= 0) & (group[None, :] != group[:, None])
    if published_attend_empty_slots:
        return hidden
    empty = torch.nn.functional.pad(~noisy.filled, (0, matching), value=False)
    itself = torch.eye(slots + matching, dtype=torch.bool, device=device)
    return hidden | (empty[:, None, :] & ~itself)


def _slots(counts: Sequence[int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Sample and place in the sample of every box of the batch, [M] each."""
    sample = [torch.full((count,), number, device=device) for number, count in enumerate(counts)]
    place = [torch.arange(count, device=device) for count in counts]
    return torch.cat(sample), torch.cat(place)
