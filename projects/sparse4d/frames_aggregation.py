"""Aggregation over several frames: key points follow their instance back in time (v1)."""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sparse3d.ops.deformable_aggregation import deformable_aggregation
from sparse3d.ops.packed_maps import PackedMaps
from sparse4d.aggregation import AggregationWeights, places_in_images
from sparse4d.anchor_encoder import AnchorEncoder
from sparse4d.anchors import CENTER, VELOCITY, projected
from sparse4d.attention import ResidualFeedForward
from sparse4d.frame import Frame
from sparse4d.key_points import AnchorKeypoints

DECAY, PER_SECOND = 0.9, 10  # of what an earlier frame says


class SeenFrame(NamedTuple):
    """A frame whose images are read.

    Attributes:
        maps: of its images.
        frame: its cameras, poses and times.
        transforms: [B, 4, 4] float32 from the present LiDAR frame to the one of this frame.
        elapsed: [B] float32 seconds from this frame to the present.
        kept: [B] bool, in which samples it is read; another scene is not.
    """

    maps: PackedMaps
    frame: Frame
    transforms: Tensor
    elapsed: Tensor
    kept: Tensor


class DepthConfidence(nn.Module):
    """How far the depth that features speak of is the one of their instance.

    Args:
        channels: of the features.
        nearest, interval, count: of the depths that are told apart, meters.

    Source: Sparse4D (arXiv 2211.10581), section 3.3.
    """

    def __init__(self, channels: int, nearest: float = 1.0, interval: float = 5.0,
                 count: int = 12, dropout: float = 0.0) -> None:
        super().__init__()
        self.feedforwards = nn.Sequential(*(ResidualFeedForward(channels, channels, dropout)
                                            for _ in range(2)))
        self.output = nn.Linear(channels, count)
        self.nearest, self.interval, self.count = nearest, interval, count

    def forward(self, features: Tensor, centers: Tensor) -> Tensor:
        """Confidence [..., 1] of features [..., C] for instances at centers [..., 2 or 3]."""
        chances = self.output(self.feedforwards(features)).softmax(-1)
        farthest = self.nearest + self.interval * (self.count - 1)
        ranges = centers[..., :2].norm(dim=-1).clip(self.nearest + 1e-5, farthest - 1e-5)
        place = (ranges - self.nearest) / self.interval
        steps = torch.arange(self.count, device=place.device)
        shares = (1 - (place[..., None] - steps).abs()).clip(min=0)  # [..., count], two are not 0
        return ((chances * shares).sum(-1) / (shares ** 2).sum(-1))[..., None]


class FramesAggregation(nn.Module):
    """Image features of several frames at the key points of each instance.

    Args:
        channels: C.
        num_cameras: N.
        num_levels, num_groups: of the image features.
        learned_points: see :class:`AnchorKeypoints`.
        weights_dropout: see :class:`AggregationWeights`.
        border: which places count, see
            :func:`sparse3d.ops.deformable_aggregation.deformable_aggregation`.
        dropout: of what was read, in training.

    Source: Sparse4D (arXiv 2211.10581), section 3.2.
    """

    def __init__(self, channels: int, num_cameras: int, num_levels: int = 4, num_groups: int = 8,
                 learned_points: int = 6, weights_dropout: float = 0.0,
                 border: str = 'inside', dropout: float = 0.0) -> None:
        super().__init__()
        self.backend, self.border = 'auto', border
        self.key_points = AnchorKeypoints(channels, learned_points)
        self.weighting = AggregationWeights(
            channels, (num_levels, self.key_points.count, num_groups), num_cameras,
            weights_dropout)
        self.fusion = nn.Linear(channels * 2, channels)
        self.output = nn.Linear(channels, channels)
        self.dropout = nn.Dropout(dropout)

    def init_weights(self) -> None:
        """As published."""
        nn.init.xavier_uniform_(self.output.weight)
        nn.init.zeros_(self.output.bias)
        nn.init.zeros_(self.fusion.bias)

    def forward(self, features: Tensor, anchors: Tensor, frames: Sequence[SeenFrame],
                encoder: AnchorEncoder, depth: DepthConfidence | None = None) -> Tensor:
        """What was read added to the features, [B, A, C].

        Args:
            features: [B, A, C].
            anchors: [B, A, 11].
            frames: the present one first, then earlier ones.
            encoder: of anchors; those of earlier frames are embedded anew.
            depth: what reads is weighted by, or None.
        """
        points = self.key_points(anchors, features)
        whole = features.new_zeros(*points.shape[:3], features.shape[-1])       # [B, A, P, C]
        begun = torch.zeros_like(frames[0].kept)
        for seen in reversed(frames[1:]):  # the oldest first
            read = self._read(features, anchors, points, seen, encoder, depth)
            decay = DECAY ** (PER_SECOND * seen.elapsed.abs())
            fused = self.fusion(torch.cat([whole, read * _wide(decay)], -1))
            whole = torch.where(_wide(seen.kept),
                                torch.where(_wide(begun), fused, read), whole)
            begun = begun | seen.kept
        read = self._read(features, anchors, points, frames[0], encoder, depth)
        whole = self.fusion(torch.cat([whole, read], -1))
        return features + self.dropout(self.output(whole.sum(2)))

    def _read(self, features: Tensor, anchors: Tensor, points: Tensor, seen: SeenFrame,
              encoder: AnchorEncoder, depth: DepthConfidence | None) -> Tensor:
        """What each key point reads in one frame, [B, A, P, C]."""
        moved = projected(anchors, seen.transforms, -seen.elapsed)
        shift = anchors[:, :, None, VELOCITY] * seen.elapsed[:, None, None, None]
        points = at(points - shift, seen.transforms)
        cameras = seen.frame.cameras
        weights = self.weighting(features + encoder(moved), cameras)
        places = places_in_images(points, cameras)
        count = points.shape[2]
        read = deformable_aggregation(seen.maps, places.flatten(1, 2)[:, :, None],
                                      weights.flatten(1, 2)[:, :, None], self.border, self.backend)
        read = read.unflatten(1, (-1, count))
        return read if depth is None else read * depth(read, moved[:, :, None, CENTER])


def at(points: Tensor, transforms: Tensor) -> Tensor:
    """Points [B, A, P, 3] in another frame, by transforms [B, 4, 4]."""
    rotation, shift = transforms[:, None, None, :3, :3], transforms[:, None, None, :3, 3]
    return (rotation @ points[..., None])[..., 0] + shift


def _wide(values: Tensor) -> Tensor:
    """[B] as [B, 1, 1, 1]."""
    return values[:, None, None, None]
