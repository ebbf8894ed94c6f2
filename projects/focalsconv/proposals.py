"""From the outputs of an anchor head to proposals for the second stage."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from mmdet3d.models.dense_heads import Anchor3DHead
from torch import Tensor

from sparse3d.ops.rotated_iou import bev_boxes
from sparse3d.ops.rotated_nms import rotated_nms
from sparse3d.structures.box_tensors import at_centers


@dataclass(frozen=True)
class Proposals:
    """Proposals of one sample."""

    boxes: Tensor   # [R, 7], z at the center
    labels: Tensor  # [R] int64
    scores: Tensor  # [R], of the first stage, in [0, 1]


@dataclass(frozen=True)
class ProposalOptions:
    """How many proposals a sample gets; boxes of all classes compete."""

    nms_pre: int    # best boxes that suppression looks at
    nms_post: int   # most boxes that are kept
    iou_threshold: float  # BEV IoU, beyond which the weaker box goes


def propose(head: Anchor3DHead, outputs: tuple[list[Tensor], ...],
            options: ProposalOptions) -> list[Proposals]:
    """Decode, rank and thin out the boxes of an anchor head of one level. No gradients.

    Boxes and scores that are not finite are left out: a sample may have no proposal at all.

    Args:
        outputs: what the head's ``forward`` returned: class scores, residuals and directions.
    """
    with torch.no_grad():
        scores, box_deltas, directions = (level[0].detach().float() for level in outputs)
        levels, = head.get_anchors([scores.shape[-2:]], [{}], device=scores.device)
        anchors = levels[0].reshape(-1, head.box_code_size)
        return [_of_sample(head, anchors, *maps, options)
                for maps in zip(scores, box_deltas, directions, strict=True)]


def _of_sample(head: Anchor3DHead, anchors: Tensor, scores: Tensor, box_deltas: Tensor,
               directions: Tensor, options: ProposalOptions) -> Proposals:
    best, labels = _rows(scores, head.num_classes).sigmoid().max(1)
    best = best.nan_to_num(-1)  # NaN would be ranked first
    best, chosen = best.topk(min(options.nms_pre, len(best)))
    boxes = head.bbox_coder.decode(anchors[chosen],
                                   _rows(box_deltas, head.box_code_size)[chosen])
    boxes[:, 6] = _directed(boxes[:, 6], _rows(directions, 2)[chosen].argmax(1), head)
    sane = (boxes.isfinite().all(1) & (best >= 0)).nonzero().squeeze(1)  # one wait, not one each
    boxes, best, labels = boxes[sane], best[sane], labels[chosen][sane]
    kept = rotated_nms(bev_boxes(boxes), best, options.iou_threshold)[:options.nms_post]
    return Proposals(at_centers(boxes[kept]), labels[kept], best[kept])


def _rows(maps: Tensor, width: int) -> Tensor:
    """[A * width, H, W] -> [H * W * A, width], the order of the anchors."""
    return maps.permute(1, 2, 0).reshape(-1, width)


def _directed(yaw: Tensor, direction: Tensor, head: Anchor3DHead) -> Tensor:
    """Turn boxes that point the other way by half a turn."""
    period = torch.pi
    turned = yaw - head.dir_offset
    turned = turned - torch.floor(turned / period + head.dir_limit_offset) * period
    return turned + head.dir_offset + period * direction
