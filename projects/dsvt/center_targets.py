"""What the center head should predict for given boxes."""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from sparse3d.models.center.box_coder import CenterBoxCoder
from sparse3d.models.center.heatmap_targets import (
    AS_PUBLISHED,
    Drawing,
    heatmaps_of,
    objects_on_map,
)


class CenterTargets(NamedTuple):
    """Targets of a batch; the objects of all samples stand in one list."""

    heatmap: Tensor  # [B, classes, H, W]
    index: Tensor    # [n] int64  cell of each object among all samples' cells, row by row
    codes: Tensor    # [n, 8]  x, y within the cell, z center, log dx, dy, dz, cos, sin
    boxes: Tensor    # [n, 7]  x, y, z center, dx, dy, dz, yaw


def center_targets(
        boxes: Sequence[Tensor],   # B x [n, 7]  x, y, z center, dx, dy, dz, yaw; LiDAR frame
        labels: Sequence[Tensor],  # B x [n]
        coder: CenterBoxCoder,
        num_classes: int,
        drawing: Drawing = AS_PUBLISHED,
        max_objects: int = 500,
) -> CenterTargets:
    """Draw each object as a Gaussian on its class's map and encode its box.

    Objects whose center is off the map, whose label is no class, or without area are
    left out; of the others the first ``max_objects`` of each sample count.

    Source: CenterPoint (CVPR 2021), section 4.1.
    """
    objects = objects_on_map(boxes, labels, coder.grid, num_classes, drawing, max_objects)
    heatmap = heatmaps_of(objects, len(boxes), coder.grid, num_classes, drawing)
    return CenterTargets(heatmap, objects.index, coder.encode(objects.boxes, objects.cells),
                         objects.boxes)
