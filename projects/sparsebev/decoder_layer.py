"""One pass of the decoder: look around, look at the images, mix, correct the box."""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from mmcv.cnn.bricks.transformer import FFN
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sparse3d.models.layers.precision import at_least_float32
from sparse3d.models.query.box_code import centers_in_meters
from sparse3d.models.query.positions import logit
from sparse3d.ops.packed_views import PackedViews
from sparsebev.adaptive_mixing import AdaptiveMixing
from sparsebev.published import SparseBEVPublished
from sparsebev.scale_adaptive_attention import ScaleAdaptiveSelfAttention
from sparsebev.spatio_temporal_sampling import SpatioTemporalSampling
from sparsebev.views import Views

PRIOR = 0.01  # probability of each class before anything is learned
SMALLEST_TIME = 1e-5  # seconds


def refine(query: Tensor, correction: Tensor, age: Tensor) -> Tensor:
    """The next box from the last one and what the regression branch says.

    Centers are corrected in logit space, everything else is replaced. The branch speaks
    of a displacement until the second frame, which time turns into a velocity.

    Args:
        query: query boxes [B, Q, 10].
        correction: [B, Q, 10].
        age: [B, T] seconds; a second frame of the same instant counts as one second old.
    """
    velocity = correction[..., 8:10]
    if age.shape[1] > 1:
        second = age[:, 1].to(velocity.dtype)
        second = torch.where(second < SMALLEST_TIME, torch.ones_like(second), second)
        velocity = velocity / second[:, None, None]
    center = torch.sigmoid(correction[..., :3] + logit(query[..., :3]))
    return torch.cat([center, correction[..., 3:8], velocity], -1)


@dataclass(frozen=True)
class DecoderOptions:
    """Sizes and switches of the decoder layer.

    Attributes:
        channels: of the query features.
        num_frames, num_points, num_levels, num_groups: of the sampling.
        num_heads: of the self attention.
        dropout: in training.
        feedforward_channels: of the feed-forward network.
        out_points: of the mixing.
        adaptive_attention, adaptive_sampling: False for the paper's ablations.
        with_checkpoint: spend time instead of memory in training.
    """

    channels: int = 256
    num_frames: int = 8
    num_points: int = 4
    num_levels: int = 4
    num_groups: int = 4
    num_heads: int = 8
    dropout: float = 0.1
    feedforward_channels: int = 512
    out_points: int = 128
    adaptive_attention: bool = True
    adaptive_sampling: bool = True
    with_checkpoint: bool = True


class DecoderLayer(nn.Module):
    """The layer that all passes share.

    Args:
        point_cloud_range: of the queries' centers.
        num_classes: K.
        options: see :class:`DecoderOptions`.
        quirks: of the sampling.

    Source: SparseBEV (ICCV 2023), section 3.1.
    """

    def __init__(self, point_cloud_range: Sequence[float], num_classes: int,
                 options: DecoderOptions, quirks: SparseBEVPublished | None = None) -> None:
        super().__init__()
        self.point_cloud_range, channels = tuple(point_cloud_range), options.channels
        self.with_checkpoint = options.with_checkpoint
        self.position_encoder = nn.Sequential(
            nn.Linear(3, channels), nn.LayerNorm(channels), nn.ReLU(),
            nn.Linear(channels, channels), nn.LayerNorm(channels), nn.ReLU())
        self.self_attention = ScaleAdaptiveSelfAttention(
            channels, options.num_heads, options.dropout, options.adaptive_attention)
        self.sampling = SpatioTemporalSampling(
            point_cloud_range, channels, options.num_groups, options.num_points,
            options.num_levels, quirks, options.adaptive_sampling)
        self.mixing = AdaptiveMixing(channels, options.num_points * options.num_frames,
                                     options.num_groups, options.out_points)
        self.feedforward = FFN(channels, options.feedforward_channels, ffn_drop=options.dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(3))
        self.classification = nn.Sequential(
            nn.Linear(channels, channels), nn.LayerNorm(channels), nn.ReLU(),
            nn.Linear(channels, channels), nn.LayerNorm(channels), nn.ReLU(),
            nn.Linear(channels, num_classes))
        self.regression = nn.Sequential(
            nn.Linear(channels, channels), nn.ReLU(),
            nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, 10))
        nn.init.constant_(self.classification[-1].bias, -math.log(1 / PRIOR - 1))

    def forward(self, query: Tensor, features: Tensor, images: PackedViews, views: Views,
                attn_mask: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """One pass.

        Args:
            query: query boxes [B, Q, 10].
            features: [B, Q, C].
            attn_mask: [Q, Q] or [B, Q, Q], True where the row must not see the column.

        Returns:
            features [B, Q, C], class logits [B, Q, K] and query boxes [B, Q, 10] (float32).
        """
        features = self.self_attend(query, features, attn_mask)
        sampled = self._run(self.sampling, query, features, images, views)
        features = self.norms[1](self._run(self.mixing, sampled, features))
        features = self.norms[2](self.feedforward(features))
        correction = at_least_float32(self.regression(features))
        return (features, at_least_float32(self.classification(features)),
                refine(at_least_float32(query), correction, views.age))

    def self_attend(
        self, query: Tensor, features: Tensor, attn_mask: Tensor | None = None
    ) -> Tensor:
        """Features after position encoding and self attention."""
        features = features + self.position_encoder(query[..., :3])
        centers = centers_in_meters(query, self.point_cloud_range)[..., :2]
        return self.norms[0](self._run(self.self_attention, features, centers, attn_mask))

    def _run(self, part: Callable, *inputs) -> Tensor:
        if self.with_checkpoint and self.training and torch.is_grad_enabled():
            return checkpoint(part, *inputs, use_reentrant=False)
        return part(*inputs)
