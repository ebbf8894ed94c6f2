"""The sparse branch: queries of decoded boxes look into the images."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from sparse3d.models.query.attention import scaled_attention
from sparse3d.ops.constants import constant
from sparse3d.ops.sample_views import sample_views
from sparse3d.structures.camera_rig import CameraRig

CORNER_SCALE = 0.5  # of a box's corners, from its center
# The center, then the eight corners, in parts of the sizes.
BOX_POINTS = [(0.0, 0.0, 0.0), *((x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5)
                                 for z in (-0.5, 0.5))]


@MODELS.register_module()
class QueryFusion(BaseModule):
    """Queries that read the images at points of their boxes, and then look at each other.

    What a query saw is added to it where it asks, where it is looked at, and where it is worked on
    by itself. Untrained the queries stay as they are, bit for bit: the last layers of attention
    and feed-forward are zero.

    Args:
        image_channels: of the image features.
        channels: of the queries.
        num_levels: of the image features that are read.
        num_heads: of the attention.
        feedforward_channels: width of the feed-forward network.
        dropout: probability, in attention and feed-forward.

    Source: SDF (IROS 2023), sparse fusion by a Transformer; its form is inferred.
    """

    def __init__(self, image_channels: int, channels: int = 128, num_levels: int = 4,
                 num_heads: int = 8, feedforward_channels: int = 256, dropout: float = 0.1,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.num_levels = num_levels
        self.backend = 'auto'  # of the reading; an exported model needs the reference
        self.reduce = nn.ModuleList(nn.Conv2d(image_channels, channels, 1)
                                    for _ in range(num_levels))
        self.level_weights = nn.Linear(channels, len(BOX_POINTS) * num_levels)
        self.seen = nn.Sequential(nn.Linear(len(BOX_POINTS) * channels, channels), nn.ReLU())
        self.norm_attention, self.norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attention = nn.MultiheadAttention(channels, num_heads, dropout, batch_first=True)
        self.feed_forward = nn.Sequential(
            nn.Linear(channels, feedforward_channels), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(feedforward_channels, channels))
        self._init_outputs()

    def init_weights(self) -> None:
        """As PyTorch does, then nothing added."""
        super().init_weights()
        self._init_outputs()

    def _init_outputs(self) -> None:
        for layer in (self.attention.out_proj, self.feed_forward[-1]):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
            self,
            queries: Tensor,           # [B, Q, C]
            boxes: Tensor,             # [B, Q, >= 7]  meters, LiDAR frame
            images: Sequence[Tensor],  # of each level [B * N, image_channels, h, w]
            rig: CameraRig,
    ) -> Tensor:                       # [B, Q, C]
        """The queries with what they saw."""
        seen = self.seen(self.read(queries, boxes, images, rig).to(queries.dtype).flatten(2))
        placed = self.norm_attention(queries) + seen
        queries = queries + scaled_attention(self.attention, placed, placed)
        return queries + self.feed_forward(self.norm(queries) + seen)

    def read(self, queries: Tensor, boxes: Tensor, images: Sequence[Tensor],
             rig: CameraRig) -> Tensor:  # [B, Q, points, C]
        """Image features at the points of each box; zeros where no camera sees a point."""
        levels = []
        for reduce, image in zip(self.reduce, images, strict=False):
            without = ~rig.picture_mask(image.shape[-2:])[:, None]
            # Masked before and behind: NaN must reach neither values nor the weights' gradients.
            level = reduce(image.masked_fill(without, 0)).masked_fill(without, 0)
            levels.append(level.unflatten(0, (len(queries), 1, rig.views)))
        weights = self.level_weights(queries).unflatten(2, (len(BOX_POINTS), -1)).softmax(-1)
        return sample_views(
            levels, box_points(boxes)[:, :, None], weights[:, :, None],
            rig.cameras.lidar2img[:, None], rig.image_size, valid=rig.valid[:, None],
            backend=self.backend)[:, :, 0]


def box_points(boxes: Tensor) -> Tensor:  # [..., >= 7] -> [..., 9, 3]
    """Center and halfway to the eight corners of LiDAR boxes, meters."""
    offsets = CORNER_SCALE * constant(BOX_POINTS, boxes) * boxes[..., None, 3:6]
    x, y, z = offsets.unbind(-1)
    yaw = boxes[..., 6:7]
    cosine, sine = yaw.cos(), yaw.sin()
    middle = boxes[..., 2:3] + boxes[..., 5:6] / 2
    return torch.stack([boxes[..., 0:1] + x * cosine - y * sine,
                        boxes[..., 1:2] + x * sine + y * cosine, middle + z], dim=-1)
