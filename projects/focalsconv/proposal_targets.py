"""Which proposals the second stage learns from, and what it learns from each."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from focalsconv.proposals import Proposals
from sparse3d.ops.rotated_iou import rotated_iou_3d
from sparse3d.structures.box_tensors import at_bottoms


@dataclass(frozen=True)
class SamplingOptions:
    """How proposals are sampled, and their IoU targets; IoU is in 3D."""

    num_proposals: int = 128        # proposals of a sample
    foreground_fraction: float = 0.5  # at most
    # of the background: those that overlap an object somewhat
    hard_background_fraction: float = 0.8
    easy_background_iou: float = 0.1  # overlap of easy background
    regression_iou: float = 0.55  # overlap from which a proposal is foreground and its box learned
    background_iou: float = 0.25    # IoU whose target is 0
    foreground_iou: float = 0.75    # IoU whose target is 1, linear in between


@dataclass(frozen=True)
class ProposalTargets:
    """Proposals chosen for training."""

    proposals: Proposals
    boxes: Tensor       # [R, 7] the object of each proposal, z at the center
    ious: Tensor        # [R]
    iou_targets: Tensor  # [R] in [0, 1], what the score should be
    regress: Tensor     # [R] bool, whether the box is learned


def sample_proposals(proposals: Proposals, boxes: Tensor, labels: Tensor,
                     options: SamplingOptions) -> ProposalTargets:
    """Choose proposals of one sample and match each with an object of its own class.

    Args:
        boxes: [n, 7] ground truth, z at the center.
        labels: [n] int64.
    """
    ious, matched = match_by_class(proposals, boxes, labels)
    chosen = choose(ious, options)
    proposals = Proposals(
        proposals.boxes[chosen], proposals.labels[chosen], proposals.scores[chosen]
    )
    ious = ious[chosen]
    targets = boxes[matched[chosen]] if len(boxes) else proposals.boxes
    span = options.foreground_iou - options.background_iou
    iou_targets = ((ious - options.background_iou) / span).clamp(0, 1)
    return ProposalTargets(proposals, targets, ious, iou_targets, ious > options.regression_iou)


def match_by_class(proposals: Proposals, boxes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Overlap with, and row of, the object of the same class that a proposal overlaps most.

    Returns:
        [R] float, [R] int64; 0 and row 0 where there is no object of the class.
    """
    if len(boxes) == 0 or len(proposals.boxes) == 0:
        zeros = proposals.scores.new_zeros(len(proposals.boxes))
        return zeros, zeros.long()
    table = rotated_iou_3d(at_bottoms(proposals.boxes), at_bottoms(boxes))
    same = proposals.labels[:, None] == labels[None]
    ious, matched = torch.where(same, table, torch.full_like(table, -1)).max(1)
    return ious.clamp(min=0), torch.where(ious >= 0, matched, torch.zeros_like(matched))


def choose(ious: Tensor, options: SamplingOptions) -> Tensor:
    """Rows of the proposals to train on, [<= count] int64: foreground first.

    Foreground without repetition, up to its share; the rest is background, drawn with
    repetition, hard before easy. Without background, foreground is drawn with repetition.
    """
    foreground = (ious >= min(options.regression_iou, options.foreground_iou)).nonzero()[:, 0]
    easy = (ious < options.easy_background_iou).nonzero()[:, 0]
    hard = ((ious >= options.easy_background_iou) & (ious < options.regression_iou)).nonzero()[:, 0]
    if len(easy) + len(hard) == 0:
        return _draw(foreground, options.num_proposals) if len(foreground) else foreground
    most = round(options.foreground_fraction * options.num_proposals)
    foreground = foreground[torch.randperm(len(foreground), device=ious.device)[:most]]
    left = options.num_proposals - len(foreground)
    if len(easy) == 0:
        return torch.cat([foreground, _draw(hard, left)])
    if len(hard) == 0:
        return torch.cat([foreground, _draw(easy, left)])
    num_hard = min(int(left * options.hard_background_fraction), len(hard))
    return torch.cat([foreground, _draw(hard, num_hard), _draw(easy, left - num_hard)])


def _draw(rows: Tensor, count: int) -> Tensor:
    return rows[torch.randint(len(rows), (count,), device=rows.device)]
