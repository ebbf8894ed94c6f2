"""Points near boxes by the compiled kernels: all pairs are compared, many at a time."""
from __future__ import annotations

import torch
from torch import Tensor

from sparse3d.ops.compiled_kernels import call_for_result, library

NAMES = {torch.float32: 'float32', torch.float64: 'float64'}
PAIRS_PER_POINT = 2     # room at the first try


def points_near_boxes(
        xyz: Tensor,    # [N, >= 2]
        boxes: Tensor,  # [M, >= 2]  x, y of the center, in the type of the points
        reach: Tensor,  # [M]  half of the side of the square around each
) -> tuple[Tensor, Tensor] | None:  # [K] rows of points, [K] rows of boxes, int64
    """All pairs whose point lies in the square, by box and then by point.

    None where this cannot be done: without kernels, off the CPU, for other types.
    """
    if xyz.device.type != 'cpu' or xyz.dtype not in NAMES or library() is None:
        return None
    x, y = xyz[:, :2].T.contiguous()
    center_x, center_y = boxes[:, :2].T.contiguous()
    room, count = PAIRS_PER_POINT * len(xyz), torch.zeros(1, dtype=torch.int64)
    while True:
        rows, held_by = torch.empty(2, room, dtype=torch.int64)
        call_for_result(f'sparse3d_near_boxes_{NAMES[xyz.dtype]}', x, y, len(xyz), center_x,
                        center_y, reach.contiguous(), len(boxes), room, rows, held_by, count)
        found = int(count)
        if found <= room:
            return rows[:found], held_by[:found]
        room = found
