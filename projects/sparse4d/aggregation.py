"""Deformable aggregation of image features around an anchor, with its weights."""
from __future__ import annotations

import torch
from torch import Tensor, nn

from sparse3d.models.layers.precision import at_least_float32, full_precision
from sparse3d.ops.deformable_aggregation import deformable_aggregation
from sparse3d.ops.packed_maps import PackedMaps
from sparse3d.structures.cameras import Cameras
from sparse4d.key_points import AnchorKeypoints
from sparse4d.mlp import mlp

MISSING = -1e4  # logit of a camera without an image; infinity would give NaN where all lack one


class AggregationWeights(nn.Module):
    """One weight for each camera, level, key point and group; for each group they sum to 1.

    Args:
        channels: of the features.
        shape: number of levels L, key points P and groups G.
        cameras: number N where each has weights of its own (v1); None: weights follow from the
            matrix of each camera, for any number of cameras.
        dropout: of (instance, camera, key point) in training.

    Source: Sparse4D v2 (arXiv 2305.14018), section 3.4.
    """

    def __init__(self, channels: int, shape: tuple[int, int, int], cameras: int | None = None,
                 dropout: float = 0.0) -> None:
        super().__init__()
        levels, points, groups = self.shape = shape
        self.dropout, self.cameras = dropout, cameras
        self.camera_encoder = None if cameras else nn.Sequential(*mlp(channels, 1, 2, 12))
        self.weights = nn.Linear(channels, (cameras or 1) * levels * points * groups)

    def init_weights(self) -> None:
        """As published: at first all weights are equal."""
        nn.init.zeros_(self.weights.weight)
        nn.init.zeros_(self.weights.bias)

    def forward(self, features: Tensor, cameras: Cameras) -> Tensor:
        """Weights [B, A, P, N, L, G] of features [B, A, C] that know their place."""
        levels, points, groups = self.shape
        if self.camera_encoder is not None:
            features = features[:, :, None] + self.embed(cameras)[:, None]   # [B, A, N, C]
        logits = at_least_float32(self.weights(features))
        logits = logits.reshape(*logits.shape[:2], -1, levels, points, groups)
        if not cameras.complete:
            missing = ~cameras.valid[:, None, :, None, None, None]
            logits = logits.masked_fill(missing, MISSING)
        weights = logits.flatten(2, 4).softmax(2).view_as(logits)            # [B, A, N, L, P, G]
        if not cameras.complete:  # a sample without any image has no weights
            weights = weights.masked_fill(missing, 0.0)
        if self.training and self.dropout:
            batch, instances, views = weights.shape[:3]
            draws = torch.rand(batch, instances, views, 1, points, 1, device=weights.device)
            weights = self.drop(weights, draws)
        return weights.permute(0, 1, 4, 2, 3, 5)

    def embed(self, cameras: Cameras) -> Tensor:
        """Codes [B, N, C] of the matrices of the cameras."""
        return self.camera_encoder(cameras.lidar2img[:, :, :3].flatten(2))

    def drop(self, weights: Tensor, draws: Tensor) -> Tensor:
        """Weights [B, A, N, L, P, G] without those whose draw [B, A, N, 1, P, 1] is small."""
        return weights * (draws > self.dropout) / (1 - self.dropout)


class DeformableAggregation(nn.Module):
    """Image features at the key points of each instance, beside its own.

    Args:
        channels: C.
        num_levels, num_groups: of the image features.
        learned_points: number of key points that follow from the features.
        weights_dropout: see :class:`AggregationWeights`.
        noisy_points: see :class:`AnchorKeypoints`.

    Attributes:
        backend: of the reading, see
            :func:`sparse3d.ops.deformable_aggregation.deformable_aggregation`.
        border: which places count, see there.

    Source: Sparse4D v2 (arXiv 2305.14018), section 3.3; v1 (arXiv 2211.10581), section 3.2.
    """

    def __init__(self, channels: int, num_levels: int = 4, num_groups: int = 8,
                 learned_points: int = 6, weights_dropout: float = 0.0,
                 noisy_points: bool = False, border: str = 'inside') -> None:
        super().__init__()
        self.backend, self.border = 'auto', border
        self.key_points = AnchorKeypoints(channels, learned_points, noisy_points)
        shape = num_levels, self.key_points.count, num_groups
        self.weighting = AggregationWeights(channels, shape, dropout=weights_dropout)
        self.output = nn.Linear(channels, channels)

    def init_weights(self) -> None:
        """As published."""
        nn.init.xavier_uniform_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, features: Tensor, anchors: Tensor, embedding: Tensor, maps: PackedMaps,
                cameras: Cameras) -> Tensor:
        """What was read beside the features, [B, A, 2 * C].

        Args:
            features, embedding: [B, A, C].
            anchors: [B, A, 11].
            maps: of the images of the cameras.
        """
        return torch.cat([self.output(self.read(features, anchors, embedding, maps, cameras)),
                          features], -1)

    def read(self, features: Tensor, anchors: Tensor, embedding: Tensor, maps: PackedMaps,
             cameras: Cameras) -> Tensor:
        """What the key points read, [B, A, C]."""
        places = places_in_images(self.key_points(anchors, features), cameras)
        weights = self.weighting(features + embedding, cameras)
        return deformable_aggregation(maps, places, weights, self.border, self.backend)


def places_in_images(points: Tensor, cameras: Cameras) -> Tensor:
    """Key points [B, A, P, 3] in meters as fractions of each image, [B, A, P, N, 2]."""
    with full_precision(points):
        pixels, _ = cameras.project(at_least_float32(points).flatten(1, 2))   # [B, N, A*P, 2]
        height, width = cameras.image_size
        places = torch.stack([pixels[..., 0] / width, pixels[..., 1] / height], -1)
    return places.transpose(1, 2).unflatten(1, points.shape[1:3])
