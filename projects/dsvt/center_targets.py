"""What the center head should predict for given boxes."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sparse3d.ops.gaussian_heatmap import draw_gaussians, gaussian_radii


@dataclass(frozen=True)
class MapGrid:
    """Where the cells of the map lie.

    Attributes:
        origin: x, y of the corner of cell 0, 0 in meters.
        cell: extent of a cell in x, y in meters.
    """

    origin: tuple[float, float]
    cell: tuple[float, float]


class CenterTargets(NamedTuple):
    """Targets of a batch; the objects of all samples stand in one list."""

    heatmap: Tensor  # [B, classes, H, W]
    index: Tensor    # [n] int64  cell of each object among all samples' cells, row by row
    codes: Tensor    # [n, 8]  x, y within the cell, z center, log dx, dy, dz, cos, sin
    boxes: Tensor    # [n, 7]  x, y, z center, dx, dy, dz, yaw


def center_targets(
        boxes: Sequence[Tensor],   # B x [n, 7]  x, y, z center, dx, dy, dz, yaw; LiDAR frame
        labels: Sequence[Tensor],  # B x [n]
        grid: MapGrid,
        map_shape: tuple[int, int, int],  # classes, H, W
        max_objects: int = 500,
        gaussian_overlap: float = 0.1,
        min_radius: int = 2,
) -> CenterTargets:
    """Draw each object as a Gaussian on its class's map and encode its box.

    Objects whose center is off the map, whose label is no class, or without area are
    left out; of the others the first ``max_objects`` of each sample count.

    Source: CenterPoint (CVPR 2021), section 4.1.
    """
    classes, height, width = map_shape
    heatmap = boxes[0].new_zeros((len(boxes), *map_shape))
    indices, codes, kept, planes, cells = [], [], [], [], []
    for sample, (of_sample, names) in enumerate(zip(boxes, labels, strict=True)):
        position = _cells(of_sample[:, :2], grid)
        on_map = ((position >= 0) & (position < position.new_tensor([width, height]))).all(1)
        usable = on_map & (of_sample[:, 3:5] > 0).all(1) & (names >= 0) & (names < classes)
        rows = usable.nonzero().squeeze(1)[:max_objects]
        of_sample, position = of_sample[rows], position[rows]
        cell = position.floor().long()
        planes.append(sample * classes + names[rows])
        cells.append(cell)
        indices.append((sample * height + cell[:, 1]) * width + cell[:, 0])
        codes.append(_encode(of_sample, position - cell))
        kept.append(of_sample)
    objects = torch.cat(kept)
    radii = gaussian_radii(objects[:, 3:5] / objects.new_tensor(grid.cell), gaussian_overlap)
    draw_gaussians(heatmap, torch.cat(planes), torch.cat(cells), radii.long().clamp(min=min_radius))
    return CenterTargets(heatmap, torch.cat(indices), torch.cat(codes), objects)


def _cells(xy: Tensor, grid: MapGrid) -> Tensor:
    return (xy - xy.new_tensor(grid.origin)) / xy.new_tensor(grid.cell)


def _encode(boxes: Tensor, within: Tensor) -> Tensor:
    yaw = boxes[:, 6:7]
    return torch.cat([within, boxes[:, 2:3], boxes[:, 3:6].log(), yaw.cos(), yaw.sin()], dim=1)
