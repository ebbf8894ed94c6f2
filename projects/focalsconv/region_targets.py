"""Which regions the second stage learns from, and what it learns from each."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from focalsconv.region_boxes import to_bottoms
from focalsconv.region_proposals import Regions
from sparse3d.ops.rotated_iou import rotated_iou_3d


@dataclass(frozen=True)
class SamplingOptions:
    """How regions are chosen and graded; overlaps are 3D intersection over union."""

    count: int = 128                # regions of a sample
    share_foreground: float = 0.5   # at most
    share_hard: float = 0.8         # of the background: those that overlap an object somewhat
    easy_below: float = 0.1         # overlap of easy background
    regress_from: float = 0.55      # overlap from which a region is foreground and its box learnt
    certain_below: float = 0.25     # overlap that is graded 0
    certain_from: float = 0.75      # overlap that is graded 1, linear in between


@dataclass(frozen=True)
class RegionTargets:
    """Regions chosen for training."""

    regions: Regions
    boxes: Tensor       # [R, 7] the object of each region, z at the centre
    overlaps: Tensor    # [R]
    grades: Tensor      # [R] in [0, 1], what the score should be
    regress: Tensor     # [R] bool, whether the box is learnt


def sample_regions(regions: Regions, boxes: Tensor, labels: Tensor,
                   options: SamplingOptions) -> RegionTargets:
    """Choose regions of one sample and match each with an object of its own class.

    Args:
        boxes: [n, 7] ground truth, z at the centre.
        labels: [n] int64.
    """
    overlaps, matched = match_by_class(regions, boxes, labels)
    chosen = choose(overlaps, options)
    regions = Regions(regions.boxes[chosen], regions.labels[chosen], regions.scores[chosen])
    overlaps = overlaps[chosen]
    targets = boxes[matched[chosen]] if len(boxes) else regions.boxes
    span = options.certain_from - options.certain_below
    grades = ((overlaps - options.certain_below) / span).clamp(0, 1)
    return RegionTargets(regions, targets, overlaps, grades, overlaps > options.regress_from)


def match_by_class(regions: Regions, boxes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Overlap with, and row of, the object of the same class that a region overlaps most.

    Returns:
        [R] float, [R] int64; 0 and row 0 where there is no object of the class.
    """
    if len(boxes) == 0 or len(regions.boxes) == 0:
        zeros = regions.scores.new_zeros(len(regions.boxes))
        return zeros, zeros.long()
    table = rotated_iou_3d(to_bottoms(regions.boxes), to_bottoms(boxes))
    same = regions.labels[:, None] == labels[None]
    overlaps, matched = torch.where(same, table, torch.full_like(table, -1)).max(1)
    return overlaps.clamp(min=0), torch.where(overlaps >= 0, matched, torch.zeros_like(matched))


def choose(overlaps: Tensor, options: SamplingOptions) -> Tensor:
    """Rows of the regions to train on, [<= count] int64: foreground first.

    Foreground without repetition, up to its share; the rest is background, drawn with
    repetition, hard before easy. Without background, foreground is drawn with repetition.
    """
    foreground = (overlaps >= min(options.regress_from, options.certain_from)).nonzero()[:, 0]
    easy = (overlaps < options.easy_below).nonzero()[:, 0]
    hard = ((overlaps >= options.easy_below) & (overlaps < options.regress_from)).nonzero()[:, 0]
    if len(easy) + len(hard) == 0:
        return _draw(foreground, options.count) if len(foreground) else foreground
    most = round(options.share_foreground * options.count)
    foreground = foreground[torch.randperm(len(foreground), device=overlaps.device)[:most]]
    left = options.count - len(foreground)
    if len(easy) == 0:
        return torch.cat([foreground, _draw(hard, left)])
    if len(hard) == 0:
        return torch.cat([foreground, _draw(easy, left)])
    num_hard = min(int(left * options.share_hard), len(hard))
    return torch.cat([foreground, _draw(hard, num_hard), _draw(easy, left - num_hard)])


def _draw(rows: Tensor, count: int) -> Tensor:
    return rows[torch.randint(len(rows), (count,), device=rows.device)]
