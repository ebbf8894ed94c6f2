"""Corners of the common polygon of two rectangles in order, for their differentiable overlap."""
from __future__ import annotations

import torch
from torch import Tensor

MAX_CORNERS = 9        # eight and the first again
FIRST_CROSSING = 8     # before it: corners of the rectangles; from it on: crossings of edges
TINY = 1e-8


def sort_vertices(
        vertices: Tensor,   # [P, V, 2] about their mean; first eight corners, then crossings
        valid: Tensor,      # [P, V] bool: part of the polygon
        num_valid: Tensor,  # [P] integers
) -> Tensor:                # [P, 9] int64 rows of V
    """Rows of the valid vertices counter-clockwise, then the first again.

    The places that are left name a crossing that is not valid (its vertex is zero). Polygons of
    fewer than three vertices name it everywhere. Two equal rectangles have each corner twice and
    are sorted once. The comparisons, with their tolerance, are those of mmcv's CUDA kernel.

    Source: Zhou et al., IoU loss for 2D/3D object detection (3DV 2019), section 3.
    """
    polygons, number = valid.shape
    if polygons == 0:
        return torch.zeros(0, MAX_CORNERS, dtype=torch.long, device=vertices.device)
    vertices, num_valid = vertices.detach().float(), num_valid.long()
    padding = FIRST_CROSSING + (~valid[:, FIRST_CROSSING:]).int().argmax(1)
    rows = padding[:, None].repeat(1, MAX_CORNERS)
    polygon = num_valid >= 3
    last = None
    for place in range(MAX_CORNERS - 1):
        taken = _next(vertices, valid, last)
        active = polygon & (num_valid > place)
        rows[active, place] = taken[active]
        last = vertices[torch.arange(polygons, device=vertices.device), rows[:, place]]
    closing = polygon & (num_valid < MAX_CORNERS)
    rows[closing, num_valid[closing]] = rows[closing, 0]
    first, second = rows[:, :4], rows[:, 4:FIRST_CROSSING]
    twice = polygon & (num_valid == 8) \
        & ((first[:, :, None] == second[:, None]).sum((1, 2)) == 4)
    rows[twice, 4] = rows[twice, 0]
    rows[twice, 5:] = padding[twice, None]
    return rows


def _next(vertices: Tensor, valid: Tensor, last: Tensor | None) -> Tensor:  # [P] int64
    """The vertex that comes first of those after ``last``; row 0 where there is none."""
    best = vertices.new_tensor([1.0, -TINY]).repeat(len(vertices), 1)
    taken = torch.zeros(len(vertices), dtype=torch.long, device=vertices.device)
    for row in range(vertices.shape[1]):
        candidate = vertices[:, row]
        better = valid[:, row] & _before(candidate, best)
        if last is not None:
            better &= _before(last, candidate)
        best = torch.where(better[:, None], candidate, best)
        taken = torch.where(better, row, taken)
    return taken


def _before(a: Tensor, b: Tensor) -> Tensor:  # [P, 2], [P, 2] -> [P] bool
    """Whether ``a`` comes before ``b``, counter-clockwise from the positive x axis."""
    equal = ((a - b).abs() < TINY).all(1)
    upper_a, upper_b, lower_a, lower_b = a[:, 1] > 0, b[:, 1] > 0, a[:, 1] < 0, b[:, 1] < 0
    ahead = _signed_share(a) - _signed_share(b)
    return ~equal & ((upper_a & lower_b) | (upper_a & upper_b & (ahead > TINY))
                     | (lower_a & lower_b & (ahead < TINY)))


def _signed_share(vertex: Tensor) -> Tensor:  # [P]: squared cosine with the sign of x
    x, y = vertex.unbind(1)
    return x.abs() * x / (x * x + y * y + TINY)
