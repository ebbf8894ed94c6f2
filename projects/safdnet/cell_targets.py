"""Which cells of a sparse map stand for which objects, and what they should say."""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from safdnet.center_options import TargetOptions
from sparse3d.models.center.bev_grid import BEVGrid
from sparse3d.models.center.box_coder import CenterBoxCoder
from sparse3d.models.center.heatmap_targets import Drawing, drawn_radii, gaussian_std

WEAKEST = torch.finfo(torch.float32).eps  # heat below counts as none


class CellTargets(NamedTuple):
    """Targets of a task; the objects of all samples stand in one list."""

    heat: Tensor   # [N, classes]  0 to 1; exactly 1 at the cells of objects
    rows: Tensor   # [n] int64  cell of each object
    codes: Tensor  # [n, 8 or 10]  see CenterBoxCoder; NaN where it is not known
    boxes: Tensor  # [n, >= 7]  x, y, z center, dx, dy, dz, yaw


def nearest_cell_targets(
        coordinates: Tensor,        # [N, 3]  sample, y, x, those of a sample in order
        boxes: Sequence[Tensor],    # B x [n, 7 or 9]  x, y, z center, dx, dy, dz, yaw[, vx, vy]
        labels: Sequence[Tensor],   # B x [n]  of the task, from 0
        coder: CenterBoxCoder,
        num_classes: int,
        options: TargetOptions,
        swapped_limits: bool = False,
) -> CellTargets:
    """Give each object the active cell that is nearest to its center's.

    Centers beyond the map count as on its edge. The heat of an object falls with the distance
    from its center's cell, which may be empty; it is divided by its maximum over active cells.
    Objects without area, and those of samples without cells, are left out.

    Args:
        swapped_limits: the map's sides are taken for each other where centers are moved into it.

    Source: SAFDNet (CVPR 2024), released code.
    """
    heat = torch.zeros(len(coordinates), num_classes, device=coordinates.device)
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    for sample, (own, names) in enumerate(zip(boxes, labels, strict=True)):
        rows = (coordinates[:, 0] == sample).nonzero().flatten()
        usable = ((own[:, 3:5] > 0).all(1)).nonzero().flatten()[:options.max_objects]
        if not len(rows) or not len(usable):
            continue
        own, names = own[usable], names[usable]
        positions = _on_map(coder.grid, own, swapped_limits)
        drawn, nearest = _drawn(coordinates[rows][:, [2, 1]], positions, own, coder.grid, options)
        heat[rows] = _by_class(drawn, names, num_classes)
        parts.append((own, positions, rows[nearest]))
    width = boxes[0].shape[1] if len(boxes) else 7
    found = torch.cat([heat.new_zeros(0, width), *(own for own, _, _ in parts)])
    positions = torch.cat([heat.new_zeros(0, 2), *(positions for _, positions, _ in parts)])
    rows = torch.cat([coordinates.new_zeros(0, dtype=torch.int64), *(row for _, _, row in parts)])
    codes = coder.encode(found)
    codes[:, :2] = positions - coordinates[rows][:, [2, 1]]
    return CellTargets(heat, rows, codes, found)


def _on_map(grid: BEVGrid, boxes: Tensor, swapped: bool) -> Tensor:
    """Centers in cells, moved into the map, [n, 2]."""
    shape = grid.shape[::-1] if swapped else grid.shape
    return BEVGrid(grid.origin, grid.cell, shape).clamped(grid.to_cells(boxes[:, :2]))


def _drawn(cells: Tensor, positions: Tensor, boxes: Tensor, grid: BEVGrid,
           options: TargetOptions) -> tuple[Tensor, Tensor]:
    """Heat of each cell [n, 2] from each object [m]: [n, m]; and the nearest cells [m]."""
    centers = positions if options.around_nearest else positions.floor()
    squared = (cells[:, None] - centers).square().sum(-1)             # [n, m]
    nearest = squared.argmin(0)                                       # the first of equals
    radii = drawn_radii(boxes, grid, Drawing(options.gaussian_overlap, options.min_radius))
    if options.around_nearest:
        around = (cells[:, None] - cells[nearest]).square().sum(-1)
        squared = torch.minimum(squared, around.to(squared))
        return torch.exp(-squared / (2 * gaussian_std(radii).square())), nearest
    heat = torch.exp(-squared / (2 * gaussian_std(radii).square()))
    heat = heat / heat.amax(0)
    return heat.masked_fill((heat < WEAKEST) | (squared > 2 * radii.square()), 0), nearest


def _by_class(heat: Tensor, labels: Tensor, num_classes: int) -> Tensor:  # [n, m] -> [n, classes]
    result = heat.new_zeros(len(heat), num_classes)
    return result.scatter_reduce(1, labels.long().expand_as(heat), heat, 'amax')
