"""Adaptive spatio-temporal sampling: where a query looks, in which frames, at which scale."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sparse3d.models.layers.precision import at_least_float32
from sparse3d.models.query.box_code import query_to_box
from sparse3d.ops.packed_views import PackedViews
from sparse3d.ops.sample_views import sample_views
from sparsebev.published import SparseBEVPublished
from sparsebev.views import Views


def sampling_points(query: Tensor, offsets: Tensor, point_cloud_range: Sequence[float]) -> Tensor:
    """Points [B, Q, P, 3] in meters from offsets [B, Q, P, 3] in sizes of the box, turned with it.

    Args:
        query: query boxes [B, Q, 10].
        point_cloud_range: of the queries.
    """
    box = query_to_box(query, point_cloud_range)
    x, y, z = (offsets * box[..., None, 3:6]).unbind(-1)
    sin, cos = box[..., 6:7].sin(), box[..., 6:7].cos()
    turned = torch.stack([cos * x - sin * y, sin * x + cos * y, z], -1)
    return box[..., None, :3] + turned


def follow_motion(points: Tensor, velocity: Tensor, age: Tensor) -> Tensor:
    """Points [B, Q, P, 3] of now where they were in each frame, [B, Q, T, P, 3].

    Args:
        velocity: [B, Q, 2] m/s, constant; no gradient goes through it.
        age: [B, T] seconds.
    """
    moved = -velocity.detach()[:, :, None] * age[:, None, :, None].to(velocity.dtype)
    shift = torch.cat([moved, torch.zeros_like(moved[..., :1])], -1)  # [B, Q, T, 3]
    return points[:, :, None] + shift[:, :, :, None]


def scale_weights_by_frame(weights: Tensor, frames: int, published_order: bool) -> Tensor:
    """Scale weights [B, Q, G, P, L] for each frame, [B, Q, T, G, P, L].

    Args:
        published_order: the released code lays (group, frame) over (frame, group), so that
            frame t and group g get the weights of group (t * G + g) // T.
    """
    groups = weights.shape[2]
    frame = torch.arange(frames, device=weights.device)[:, None]
    group = torch.arange(groups, device=weights.device).expand(frames, groups)
    if published_order:
        group = (frame * groups + group) // frames
    return weights[:, :, group]


class SpatioTemporalSampling(nn.Module):
    """Read image features around each query, in all frames, along its motion.

    Args:
        channels: of the query features and of the image features.
        num_groups: parts of the channels, each with points of its own.
        num_points: of one group in one frame.
        num_levels: of the feature pyramid.
        point_cloud_range: of the queries' centers.
        quirks: what the released code does differently.
        adaptive: False keeps the points where they were initialized (the paper's ablation).

    Attributes:
        backend: of the reading, see :func:`sparse3d.ops.sample_views.sample_views`.

    Source: SparseBEV (ICCV 2023), section 3.3.
    """

    def __init__(self, point_cloud_range: Sequence[float], channels: int = 256, num_groups: int = 4,
                 num_points: int = 4, num_levels: int = 4, quirks: SparseBEVPublished | None = None,
                 adaptive: bool = True) -> None:
        super().__init__()
        self.point_cloud_range = tuple(point_cloud_range)
        self.num_groups, self.num_points, self.num_levels = num_groups, num_points, num_levels
        self.quirks, self.backend = quirks or SparseBEVPublished(), 'auto'
        self.sampling_offset = nn.Linear(channels, num_groups * num_points * 3)
        self.scale_weights = nn.Linear(channels, num_groups * num_points * num_levels)
        self.init_weights()
        if not adaptive:
            self.sampling_offset.requires_grad_(False)

    def init_weights(self) -> None:
        """As published: points all over the box, the same for every query."""
        nn.init.zeros_(self.sampling_offset.weight)
        nn.init.uniform_(self.sampling_offset.bias, -0.5, 0.5)

    def forward(self, query: Tensor, features: Tensor, images: PackedViews,
                views: Views) -> Tensor:
        """Sampled features [B, Q, G, T*P, C / G].

        Args:
            query: query boxes [B, Q, 10].
            features: of the queries, [B, Q, C].
        """
        frames = views.age.shape[1]
        points = self.points_by_frame(query, features, views.age)
        weights = at_least_float32(self.scale_weights(features))
        weights = weights.unflatten(
            -1, (self.num_groups, self.num_points, self.num_levels)
        ).softmax(-1)
        weights = scale_weights_by_frame(weights, frames, self.quirks.scale_order)
        sampled = sample_views(
            images, points, weights.flatten(3, 4), views.lidar2img, views.image_size,
            valid=views.valid,
            published_view_choice=self.quirks.view_choice,
            published_alignment=self.quirks.alignment, backend=self.backend)
        sampled = sampled.unflatten(3, (self.num_groups, self.num_points))  # [B, Q, T, G, P, C/G]
        return sampled.transpose(2, 3).flatten(3, 4)

    def points_by_frame(self, query: Tensor, features: Tensor, age: Tensor) -> Tensor:
        """Where the queries look, [B, Q, T, G*P, 3] meters in the LiDAR frame of now."""
        offsets = at_least_float32(self.sampling_offset(features)).unflatten(-1, (-1, 3))
        points = sampling_points(at_least_float32(query), offsets, self.point_cloud_range)
        return follow_motion(points, query[..., 8:10], age)
