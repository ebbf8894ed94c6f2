"""Gaussians on heat maps, all objects at once: the host waits once, not for every object."""
from __future__ import annotations

import torch
from torch import Tensor

from sparse3d.ops.cells import cell_keys

_VALUES_AT_ONCE = {'cpu': 1 << 18}
_ON_OTHER_DEVICES = 1 << 22


def gaussian_radii(
        sizes: Tensor,   # [n, 2]  extents in cells
        overlap: float,
) -> Tensor:             # [n]
    """How far, in cells, a corner may move for the box to keep an overlap.

    As mmdet3d computes it, whose second and third bounds are not divided by twice their leading
    coefficient: targets of published weights were made so.

    Source: CornerNet (ECCV 2018), section 3.2.
    """
    first, second = sizes.unbind(dim=1)
    total = first + second
    bounds = []
    # The order of the factors is mmdet3d's as well: the radius is cut off to whole cells.
    for lead, middle, last in (
            (1, total, second * first * (1 - overlap) / (1 + overlap)),
            (4, 2 * total, (1 - overlap) * second * first),
            (4 * overlap, -2 * overlap * total, (overlap - 1) * second * first)):
        bounds.append((middle + torch.sqrt(middle ** 2 - 4 * lead * last)) / 2)
    return torch.minimum(torch.minimum(bounds[0], bounds[1]), bounds[2])


def draw_gaussians(
        heatmap: Tensor,  # [..., H, W]  contiguous, changed in place
        plane: Tensor,    # [n] int64  map of each object, counted over the leading axes
        cells: Tensor,    # [n, 2] int  x, y of its cell; may lie outside
        radii: Tensor,    # [n] int  in cells
) -> Tensor:
    """Raise a map to a Gaussian around each object: 1 at its cell, six widths over the diameter.

    What lies beyond the radius or the map is left out. Where several meet, the highest counts.

    Raises:
        ValueError: if the map is not contiguous.
    """
    if not heatmap.is_contiguous():
        raise ValueError('draw_gaussians needs a contiguous heat map')
    if not len(plane):
        return heatmap
    height, width = heatmap.shape[-2:]
    # Beyond twice the map nothing can be hit.
    reach = min(int(radii.max()), 2 * max(height, width))
    steps = torch.arange(-reach, reach + 1, device=heatmap.device)
    at_once = max(1, _VALUES_AT_ONCE.get(heatmap.device.type, _ON_OTHER_DEVICES) // len(steps) ** 2)
    flat = heatmap.view(-1)
    for part in range(0, len(plane), at_once):
        rows = slice(part, part + at_once)
        radius = radii[rows, None].long()
        x, y = cells[rows, :1].long() + steps, cells[rows, 1:].long() + steps  # [m, 2 R + 1]
        near = steps.abs() <= radius
        kept = ((near & (y >= 0) & (y < height))[:, :, None]
                & (near & (x >= 0) & (x < width))[:, None])
        sigma = (2 * radius + 1).double()[..., None] / 6
        squares = (steps * steps).double()
        values = torch.exp(-(squares[:, None] + squares) / (2 * sigma * sigma))
        index = cell_keys((plane[rows, None, None], y[:, :, None], x[:, None]), (height, width))
        # What is left out is a 0 for cell 0, which changes nothing.
        flat.scatter_reduce_(0, torch.where(kept, index, 0).flatten(),
                             torch.where(kept, values, 0.0).to(flat.dtype).flatten(), 'amax')
    return heatmap
