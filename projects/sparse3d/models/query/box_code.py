"""The three forms of a box: of a query, of a target, of a detection.

* query [..., 10]: x, y, z as fractions of the range, log dx, dy, dz, sin and cos of yaw
  (not normalized), vx, vy in m/s.
* code [..., 10]: cx, cy, log dx, log dy, cz, log dz, sin, cos, vx, vy; meters.
* box [..., 9]: cx, cy, cz, dx, dy, dz, yaw, vx, vy; meters, radians.

All centers are gravity centers in the LiDAR frame; see the drawing of the box in
``sparse3d.structures.box_conversions``.

Source: SparseBEV (ICCV 2023), section 3.1, and its released code.
"""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet3d.structures import LiDARInstance3DBoxes
from torch import Tensor

from sparse3d.structures.box_tensors import at_centers, with_velocities


def centers_in_meters(query: Tensor, point_cloud_range: Sequence[float]) -> Tensor:
    """Centers [..., 3] in meters of query boxes, or of their first three columns."""
    low, high = point_cloud_range[:3], point_cloud_range[3:]
    return torch.stack([query[..., axis] * (high[axis] - low[axis]) + low[axis]
                        for axis in range(3)], -1)


def places_in_range(centers: Tensor, point_cloud_range: Sequence[float]) -> Tensor:
    """Centers [..., 3] in meters as fractions of the range, as in query boxes."""
    low, high = point_cloud_range[:3], point_cloud_range[3:]
    return torch.stack([(centers[..., axis] - low[axis]) / (high[axis] - low[axis])
                        for axis in range(3)], -1)


def query_to_box(query: Tensor, point_cloud_range: Sequence[float]) -> Tensor:
    """Query boxes [..., 10] as boxes [..., 9]."""
    yaw = torch.atan2(query[..., 6:7], query[..., 7:8])
    return torch.cat([centers_in_meters(query, point_cloud_range), query[..., 3:6].exp(), yaw,
                      query[..., 8:10]], -1)


def box_to_query(box: Tensor, point_cloud_range: Sequence[float]) -> Tensor:
    """Boxes [..., 9] as query boxes [..., 10]; centers outside the range exceed [0, 1]."""
    return torch.cat([places_in_range(box[..., :3], point_cloud_range), box[..., 3:6].log(),
                      box[..., 6:7].sin(), box[..., 6:7].cos(), box[..., 7:9]], -1)


def query_to_code(query: Tensor, point_cloud_range: Sequence[float]) -> Tensor:
    """Query boxes [..., 10] as codes [..., 10]."""
    center = centers_in_meters(query, point_cloud_range)
    return torch.cat([center[..., :2], query[..., 3:5], center[..., 2:], query[..., 5:]], -1)


def box_to_code(box: Tensor) -> Tensor:
    """Boxes [..., 9] as codes [..., 10]."""
    log_size = box[..., 3:6].log()
    return torch.cat([box[..., :2], log_size[..., :2], box[..., 2:3], log_size[..., 2:],
                      box[..., 6:7].sin(), box[..., 6:7].cos(), box[..., 7:9]], -1)


def code_to_box(code: Tensor) -> Tensor:
    """Codes [..., 10] as boxes [..., 9]; yaw in (-pi, pi]."""
    size = torch.cat([code[..., 2:4], code[..., 5:6]], -1).exp()
    return torch.cat([code[..., :2], code[..., 4:5], size,
                      torch.atan2(code[..., 6:7], code[..., 7:8]), code[..., 8:10]], -1)


def ground_truth_boxes(boxes: LiDARInstance3DBoxes, velocity_known: Tensor | None = None
                       ) -> Tensor:
    """Boxes [M, 9] around their gravity centers; an unknown velocity is NaN.

    Args:
        velocity_known: [M], where the boxes have a velocity but not all are measured.
    """
    return at_centers(with_velocities(boxes.tensor, velocity_known))
