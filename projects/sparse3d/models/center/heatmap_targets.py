"""Heat maps that should be: a Gaussian around each object, all objects of a batch at once."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse3d.models.center.bev_grid import BEVGrid
from sparse3d.ops.gaussian_heatmap import draw_gaussians, gaussian_radii


@dataclass(frozen=True)
class Drawing:
    """How objects are drawn.

    Attributes:
        gaussian_overlap: least overlap of a box whose corner lies on the Gaussian's edge.
        min_radius: of a Gaussian, in cells.
        truncate: positions are rounded towards zero, as in the release of CenterPoint
            and its successors: an object less than a cell in front of the map is drawn on it.
        dy_first: the radius is computed from dy, dx instead of dx, dy; apart by
            rounding.
    """

    gaussian_overlap: float = 0.1
    min_radius: int = 2
    truncate: bool = False
    dy_first: bool = False


AS_PUBLISHED = Drawing()  # for CenterPoint and its successors


@dataclass(frozen=True)
class MapObjects:
    """The objects of a batch that a map holds, in one list.

    Attributes:
        boxes: [n, >= 7] as given.
        labels: [n] int64.
        sample: [n] int64.
        positions: [n, 2] x, y in cells, not rounded.
        cells: [n, 2] int64 x, y of the cell.
        index: [n] int64 number of the cell among those of all samples, row by row.
    """

    boxes: Tensor
    labels: Tensor
    sample: Tensor
    positions: Tensor
    cells: Tensor
    index: Tensor


def batch_of(tables: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Tables of all samples below each other [N, ...], and the sample of each row [N]."""
    sample = torch.cat([torch.full((len(table),), number, device=table.device)
                        for number, table in enumerate(tables)])
    return torch.cat(list(tables)), sample


def objects_on_map(
        boxes: Sequence[Tensor],   # B x [n, >= 7]  meters, LiDAR frame
        labels: Sequence[Tensor],  # B x [n]
        grid: BEVGrid,
        num_classes: int,
        drawing: Drawing = AS_PUBLISHED,
        max_objects: int | None = None,
) -> MapObjects:
    """Objects on the map, with an area, and with a label that is a class.

    The host waits once for the whole batch.

    Args:
        max_objects: so many, the first ones, of a sample.
    """
    all_boxes, sample = batch_of(boxes)
    all_labels = torch.cat(list(labels)).long()
    positions = grid.to_cells(all_boxes[:, :2])
    cells = (positions.trunc() if drawing.truncate else positions.floor()).long()
    usable = (all_boxes[:, 3:5] > 0).all(1) & (all_labels >= 0) & (all_labels < num_classes)
    for axis in range(2):
        usable &= (cells[:, axis] >= 0) & (cells[:, axis] < grid.shape[axis])
    if max_objects is not None and max(map(len, boxes), default=0) > max_objects:
        usable &= _place_in_sample(usable, [len(of_sample) for of_sample in boxes]) < max_objects
    rows = usable.nonzero().flatten()
    cells, sample = cells[rows], sample[rows]
    index = (sample * grid.shape[1] + cells[:, 1]) * grid.shape[0] + cells[:, 0]
    return MapObjects(all_boxes[rows], all_labels[rows], sample, positions[rows], cells, index)


def heatmaps_of(objects: MapObjects, batch_size: int, grid: BEVGrid, num_classes: int,
                drawing: Drawing = AS_PUBLISHED) -> Tensor:  # [B, K, H, W]
    """A Gaussian around each object in the map of its class, 1 at its cell.

    Source: CenterPoint (CVPR 2021), section 4.1.
    """
    heat = objects.boxes.new_zeros(batch_size, num_classes, grid.shape[1], grid.shape[0])
    radii = drawn_radii(objects.boxes, grid, drawing)
    return draw_gaussians(heat, objects.sample * num_classes + objects.labels, objects.cells, radii)


def heatmap_targets(boxes: Sequence[Tensor], labels: Sequence[Tensor], grid: BEVGrid,
                    num_classes: int, drawing: Drawing = AS_PUBLISHED) -> Tensor:  # [B, K, H, W]
    """:func:`heatmaps_of` the :func:`objects_on_map` of a batch."""
    objects = objects_on_map(boxes, labels, grid, num_classes, drawing)
    return heatmaps_of(objects, len(boxes), grid, num_classes, drawing)


def drawn_radii(boxes: Tensor, grid: BEVGrid, drawing: Drawing = AS_PUBLISHED) -> Tensor:
    """Radius of the Gaussian of each box [n, >= 7], in whole cells [n]."""
    sizes = grid.sizes_in_cells(boxes)
    radii = gaussian_radii(sizes.flip(1) if drawing.dy_first else sizes,
                           drawing.gaussian_overlap)
    return radii.long().clamp(min=drawing.min_radius)


def gaussian_std(radii: Tensor) -> Tensor:
    """Standard deviation of a Gaussian of some radius: six of them over the diameter."""
    return (2 * radii + 1) / 6


def _place_in_sample(usable: Tensor, counts: Sequence[int]) -> Tensor:
    """How many usable objects of the same sample stand before each."""
    place = [part.cumsum(0) - part.long() for part in usable.split(list(counts))]
    return torch.cat(place)
