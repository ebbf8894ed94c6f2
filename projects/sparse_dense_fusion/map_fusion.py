"""The dense branch: every cell of the LiDAR's map looks at the cameras' map."""
from __future__ import annotations

import torch
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from sparse3d.models.center.bev_grid import cell_centers
from sparse3d.models.layers.precision import full_precision
from sparse3d.models.query.deformable_attention import DeformableAttention
from sparse3d.models.query.positions import PositionEmbedding
from sparse3d.ops.constants import constant


class MapFusionLayer(nn.Module):
    """Deformable attention of cells to another map around their own place, feed-forward.

    Normalization comes before each residual connection. The last layer of both adds nothing at
    the start: weights and biases are zero.

    Args:
        channels: of both maps.
        num_heads: of the attention.
        num_points: that each head looks at.
        feedforward_channels: width of the feed-forward network.
    """

    def __init__(self, channels: int, num_heads: int, num_points: int,
                 feedforward_channels: int) -> None:
        super().__init__()
        self.position = PositionEmbedding(2, channels, norm=False)
        self.norm_cells, self.norm_cameras = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attention = DeformableAttention(
            channels, num_heads, num_levels=1, num_points=num_points, dropout=0.0,
            batch_first=True)
        self.norm = nn.LayerNorm(channels)
        self.feed_forward = nn.Sequential(
            nn.Linear(channels, feedforward_channels), nn.ReLU(),
            nn.Linear(feedforward_channels, channels))

    def init_weights(self) -> None:
        """Let the layer add nothing.

        The weights of the points start at random: with mmcv's zeros cells and positions would
        have no gradient even in the second step.
        """
        nn.init.xavier_uniform_(self.attention.attention_weights.weight)
        for layer in (self.attention.output_proj, self.feed_forward[-1]):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self,
                cells: Tensor,           # [B, H * W, C]
                cameras: Tensor,         # [B, H * W, C]
                references: Tensor,      # [1, H * W, 2]  fractions of the map
                shape: tuple[int, int],  # H, W
                ) -> Tensor:             # [B, H * W, C]
        """The cells with what they found in the cameras' map."""
        placed = self.norm_cells(cells) + self.position(references.to(cells.dtype))
        with full_precision(cells):  # places between cells need the digits
            value = self.norm_cameras(cameras.float())
            found = self.attention(
                placed.float(), value, references.expand(len(cells), -1, -1),
                torch.zeros(value.shape[:2], dtype=torch.bool, device=value.device), [shape])
        cells = cells + found.to(cells.dtype)
        return cells + self.feed_forward(self.norm(cells))


@MODELS.register_module()
class MapFusion(BaseModule):
    """The LiDAR's map with what its cells found in the cameras' map.

    Untrained it gives the LiDAR's map as it is, bit for bit: a trained LiDAR detector stays what
    it is until the cameras have something to say.

    Args:
        channels: of both maps.
        num_layers: number of layers.
        num_heads: of the attentions.
        num_points: that each head looks at.
        feedforward_channels: width of the feed-forward networks.

    Source: SDF (IROS 2023), dense fusion by a Transformer; its form is inferred.
    """

    def __init__(self, channels: int = 128, num_layers: int = 2, num_heads: int = 8,
                 num_points: int = 4, feedforward_channels: int = 256,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.layers = nn.ModuleList(
            MapFusionLayer(channels, num_heads, num_points, feedforward_channels)
            for _ in range(num_layers))
        self._init_layers()

    def init_weights(self) -> None:
        """As PyTorch and mmcv do, then nothing added."""
        super().init_weights()
        self._init_layers()

    def _init_layers(self) -> None:
        for layer in self.layers:
            layer.init_weights()

    def forward(self, bev: Tensor, cameras: Tensor) -> Tensor:
        """Both maps [B, C, H, W] as one."""
        height, width = bev.shape[-2:]
        references = cell_centers(bev.float())
        references = (references / constant([width, height], references))[None]
        cells, others = (each.flatten(2).transpose(1, 2) for each in (bev, cameras))
        for layer in self.layers:
            cells = layer(cells, others, references, (height, width))
        return cells.transpose(1, 2).contiguous().view_as(bev)
