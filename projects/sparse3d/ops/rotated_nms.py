"""Non-maximum suppression of rotated rectangles."""
from __future__ import annotations

import torch
from torch import Tensor

from sparse3d.ops.backends import choose_backend
from sparse3d.ops.cells import sum_groups
from sparse3d.ops.rotated_iou import (
    close_pairs_within,
    rotated_iou_bev,
    rotated_iou_bev_aligned,
)

# Rounds before the host looks whether anything changed; elsewhere each look is a wait.
ROUNDS_AT_ONCE = {'cpu': 1}
ROUNDS_AT_ONCE_ELSEWHERE = 4


def rotated_nms(
        boxes: Tensor,                  # [N, 5]  x, y, dx, dy, yaw  meters, radians
        scores: Tensor,                 # [N]
        iou_threshold: float,
        labels: Tensor | None = None,   # [N]  boxes of different labels never compete
        backend: str = 'auto',
) -> Tensor:                            # [K]  int64 rows of the kept boxes, best first
    """Keep each box that no better kept box overlaps by more than the threshold.

    Equal scores count in the order of the rows. The greedy rule is solved for all
    boxes at once: starting from "all are kept", a box is dropped when a better one
    that is still kept overlaps it, and this is repeated until nothing changes. The
    round number r settles at least the r best boxes, so the fixed point is the
    greedy result; a handful of rounds suffice in practice.

    Args:
        backend: ``'auto'``, ``'fast'`` (rounds) or ``'reference'`` (a greedy loop).

    Raises:
        ValueError: if the lengths differ, or for a threshold that is negative or a NaN.
        BackendUnavailable: for another backend.
    """
    if boxes.ndim != 2 or boxes.shape[1] != 5:
        raise ValueError(f'boxes are a table [N, 5], not {list(boxes.shape)}')
    for name, values in (('scores', scores), ('labels', labels)):
        if values is not None and values.shape != boxes.shape[:1]:
            raise ValueError(f'{len(boxes)} boxes have {list(values.shape)} {name}')
    if not iou_threshold >= 0:  # boxes far apart would compete too
        raise ValueError(f'iou_threshold is {iou_threshold}; overlaps are 0 to 1, and from 1 on '
                         'nothing is dropped')
    order = scores.argsort(descending=True, stable=True)
    ranked = boxes.detach()[order]
    ranked_labels = None if labels is None else labels[order]
    keep = _greedy if choose_backend('rotated_nms', backend) == 'reference' else _rounds
    return order[keep(ranked, ranked_labels, iou_threshold)]


def _rounds(boxes: Tensor, labels: Tensor | None, iou_threshold: float) -> Tensor:  # [N] bool
    boxes = boxes if boxes.dtype in (torch.float32, torch.float64) else boxes.float()
    better, worse = close_pairs_within(boxes, labels)
    overlap = rotated_iou_bev_aligned(boxes[better], boxes[worse]) > iou_threshold
    overlap = overlap.nonzero().squeeze(1)  # one wait, not one each
    better, worse = better[overlap], worse[overlap]

    rounds = ROUNDS_AT_ONCE.get(boxes.device.type, ROUNDS_AT_ONCE_ELSEWHERE)
    after = torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    while True:
        for _ in range(rounds):
            kept = after
            after = sum_groups(kept[better].int(), worse, len(boxes)) == 0
        if torch.equal(after, kept):
            return kept


def _greedy(boxes: Tensor, labels: Tensor | None, iou_threshold: float) -> Tensor:  # [N] bool
    """The definition: the best box left drops those that it overlaps."""
    iou = rotated_iou_bev(boxes, boxes, backend='reference')
    kept = torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    for box in range(len(boxes)):
        if kept[box]:
            drops = iou[box] > iou_threshold
            if labels is not None:
                drops &= labels == labels[box]
            kept[box + 1:] &= ~drops[box + 1:]
    return kept
