"""RoI point pooling: a fixed number of points of each proposal."""
from __future__ import annotations

import torch
from torch import Tensor

from sparse3d.ops.backends import choose_backend
from sparse3d.ops.box_members import box_members, in_boxes
from sparse3d.ops.cells import first_rows, group_counts


def roi_point_pool(
        points: Tensor,     # [N, 3]  meters
        boxes: Tensor,      # [M, 7]  x, y, z_bottom, dx, dy, dz, yaw  meters, radians
        count: int,
        backend: str = 'auto',
) -> tuple[Tensor, Tensor]:  # [M, count] int64 rows of points, [M] bool: no point inside
    """List the first ``count`` points (lowest rows) in each box; fewer are repeated in turn.

    A box without points lists row 0 and is marked.

    Args:
        backend: ``'auto'``, ``'fast'`` (pairs by box) or ``'reference'`` (a loop over the boxes).

    Raises:
        BackendUnavailable: for another backend.

    Source: Shi et al., PointRCNN (CVPR 2019), section 3.3.
    """
    points, boxes = points.detach(), boxes.detach()
    if choose_backend('roi_point_pool', backend) == 'reference':
        return _reference(points, boxes, count)
    box, point = box_members(points, boxes)
    found = group_counts(box, len(boxes))
    begin = first_rows(found)
    place = torch.arange(count, device=points.device)[None] % found.clamp(1, max(count, 1))[:, None]
    rows = torch.zeros(len(boxes), count, dtype=torch.long, device=points.device)
    there = found > 0
    rows[there] = point[(begin[:, None] + place)[there]]
    return rows, ~there


def _reference(points: Tensor, boxes: Tensor, count: int) -> tuple[Tensor, Tensor]:
    lists = [inside.nonzero().squeeze(1)[:count].tolist() for inside in in_boxes(points, boxes)]
    rows = [[inside[place % len(inside)] for place in range(count)] if inside else [0] * count
            for inside in lists]
    return (torch.tensor(rows, dtype=torch.long).reshape(-1, count),
            torch.tensor([not inside for inside in lists], dtype=torch.bool))
