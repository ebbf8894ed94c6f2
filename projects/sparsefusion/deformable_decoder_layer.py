"""Queries of a view that look at each other and at a few places of that view's image."""
from __future__ import annotations

import torch
from torch import Tensor, nn

from sparse3d.models.query.attention import Attention, FeedForward
from sparse3d.models.query.deformable_attention import DeformableAttention
from sparse3d.models.query.positions import PositionEmbedding
from sparsefusion.image_pyramid import ImagePyramid


class DeformableDecoderLayer(nn.Module):
    """Self-attention within a view, deformable attention to its image, feed-forward.

    All views of a batch are worked on at once. Normalization comes after each residual
    connection; positions are added to queries, keys and values.

    Args:
        position_size: numbers of a query's position.
        channels: of queries and image.
        num_heads: of the attentions.
        feedforward_channels: width of the feed-forward network.
        dropout: probability, in attention and feed-forward.
        num_levels: of the image pyramid.

    Source: SparseFusion (ICCV 2023), sections 3.2 and 3.3; Deformable DETR (ICLR 2021).
    """

    def __init__(
        self,
        position_size: int,
        channels: int,
        num_heads: int = 8,
        feedforward_channels: int = 256,
        dropout: float = 0.1,
        num_levels: int = 4,
    ) -> None:
        super().__init__()
        self.query_position = PositionEmbedding(position_size, channels, norm=False)
        self.pixel_position = PositionEmbedding(2, channels, norm=False)
        self.self_attention = Attention(channels, num_heads, dropout)
        self.image_attention = DeformableAttention(
            channels, num_heads, num_levels, num_points=4, dropout=0.0, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(channels)
        self.feed_forward = FeedForward(channels, feedforward_channels, dropout)

    def forward(self,
                queries: Tensor,     # [G, L, C]  G views
                positions: Tensor,   # [G, L, position_size]
                references: Tensor,  # [G, L, 2]  fractions of the network's image
                padding: Tensor,     # [G, L] bool, True for queries that are not there
                images: ImagePyramid,
                ) -> Tensor:         # [G, L, C]
        """Refine the queries of every view."""
        position = self.query_position(positions)
        placed = queries + position
        queries = self.self_attention(queries, placed, placed, padding)
        pixels = images.flat() + self.pixel_position(images.positions[None])
        found = self._deformable_attention(queries + position, pixels, references, images)
        return self.feed_forward(self.norm(queries + self.dropout(found)))

    def _deformable_attention(self, queries: Tensor, pixels: Tensor, references: Tensor,
                              images: ImagePyramid) -> Tensor:  # [G, L, C]
        """Deformable attention, in float32: places between pixels need the digits."""
        with torch.autocast(queries.device.type, enabled=False):
            return self.image_attention(queries.float(), pixels.float(), references.float(),
                                        images.padding, images.shapes)
