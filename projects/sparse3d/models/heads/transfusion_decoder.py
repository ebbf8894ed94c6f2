"""Queries that look at each other and at a map: TransFusion's decoder layer."""
from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from sparse3d.models.heads.transfusion_branches import PredictionBranches


class PositionEmbedding(nn.Module):
    """A vector for each position, learned by a small network.

    Args:
        inputs: numbers of a position.
        channels: of the vector.
        norm: whether the network has a batch normalization; positions in cells need one,
            logits of fractions do not.
    """

    def __init__(self, inputs: int, channels: int, norm: bool = True) -> None:
        super().__init__()
        layers = [nn.Conv1d(inputs, channels, 1), nn.ReLU(), nn.Conv1d(channels, channels, 1)]
        if norm:
            layers.insert(1, nn.BatchNorm1d(channels))
        self.network = nn.Sequential(*layers)

    def forward(self, positions: Tensor) -> Tensor:  # [B, Q, inputs] -> [B, Q, channels]
        """Embed positions."""
        return self.network(positions.transpose(1, 2)).transpose(1, 2)


class FeedForward(nn.Module):
    """Two linear layers with a residual connection and a layer normalization behind."""

    def __init__(self, channels: int, feedforward_channels: int, dropout: float) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Linear(channels, feedforward_channels),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(feedforward_channels, channels),
            nn.Dropout(dropout),
        )
        self.norm = nn.LayerNorm(channels)

    def forward(self, features: Tensor) -> Tensor:  # [B, Q, C] -> [B, Q, C]
        """Work on each query by itself."""
        return self.norm(features + self.network(features))


class Attention(nn.Module):
    """Multi-head attention with a residual connection and a layer normalization behind.

    Keys and values are the same vectors, positions included, as in the released code.
    """

    def __init__(self, channels: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(channels, num_heads, dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(channels)

    def forward(self,
                features: Tensor,              # [B, Q, C]
                queries: Tensor,               # [B, Q, C]  features with positions
                keys: Tensor,                  # [B, K, C]
                padding: Tensor | None = None  # [B, K] bool, True for keys that are not there
                ) -> Tensor:                   # [B, Q, C]
        """Let each query gather from the keys."""
        found = scaled_attention(self.attention, queries, keys, padding)
        return self.norm(features + self.dropout(found))


def scaled_attention(
        layer: nn.MultiheadAttention,
        queries: Tensor,                # [B, Q, C]
        keys: Tensor,                   # [B, K, C]  and values
        padding: Tensor | None = None,  # [B, K] bool, True for keys that are not there
) -> Tensor:                            # [B, Q, C]
    """Multi-head attention with the weights of ``layer``, without a table of all pairs.

    ``nn.MultiheadAttention`` itself keeps that table in evaluation when keys are masked,
    which is ten times slower for the thousands of cells that a camera sees.
    """
    weights = layer.in_proj_weight.split(layer.embed_dim)
    biases = layer.in_proj_bias.split(layer.embed_dim)
    parts = (F.linear(source, weight, bias).unflatten(-1, (layer.num_heads, -1)).transpose(1, 2)
             for source, weight, bias in zip((queries, keys, keys), weights, biases, strict=True))
    there = None if padding is None else ~padding[:, None, None]
    found = F.scaled_dot_product_attention(
        *parts, attn_mask=there, dropout_p=layer.dropout if layer.training else 0.0)
    return layer.out_proj(found.transpose(1, 2).flatten(2))


@MODELS.register_module()
class MapDecoderLayer(nn.Module):
    """Self-attention of the queries, attention to every cell of a map, feed-forward.

    Normalization comes after each residual connection; positions are added to queries,
    keys and values.

    Args:
        channels: of queries and map.
        num_heads: of the attentions.
        feedforward_channels: width of the feed-forward network.
        dropout: probability, in attention and feed-forward.

    Source: TransFusion (CVPR 2022), section 3.3; released code.
    """

    def __init__(self, channels: int, num_heads: int = 8, feedforward_channels: int = 256,
                 dropout: float = 0.1) -> None:
        super().__init__()
        self.query_position = PositionEmbedding(2, channels)
        self.key_position = PositionEmbedding(2, channels)
        self.self_attention = Attention(channels, num_heads, dropout)
        self.cross_attention = Attention(channels, num_heads, dropout)
        self.feed_forward = FeedForward(channels, feedforward_channels, dropout)

    def forward(self,
                queries: Tensor,          # [B, Q, C]
                query_positions: Tensor,  # [B, Q, 2]  x, y in cells
                bev: Tensor,              # [B, C, H, W]
                ) -> Tensor:              # [B, Q, C]
        """Refine the queries."""
        position = self.query_position(query_positions)
        placed = queries + position
        queries = self.self_attention(queries, placed, placed)
        cells = cell_centers(bev)[None]                                  # [1, H * W, 2]
        keys = bev.flatten(2).transpose(1, 2) + self.key_position(cells)  # [B, H * W, C]
        queries = self.cross_attention(queries, queries + position, keys)
        return self.feed_forward(queries)


class QueryDecoder(nn.Module):
    """Decoder layers, each followed by the branches; a layer starts at the last one's centers.

    Args:
        layers: decoder layers: ``layer(queries, positions, bev) -> queries``.
        branches: shared by all layers.
    """

    def __init__(self, layers: list[nn.Module], branches: PredictionBranches) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.branches = branches

    def forward(self,
                queries: Tensor,    # [B, Q, C]
                positions: Tensor,  # [B, Q, 2]  x, y in cells
                bev: Tensor,        # [B, C, H, W]
                ) -> tuple[Tensor, Tensor, list[dict[str, Tensor]]]:
        """Refined queries, their centers (detached), and the branches' outputs of each layer."""
        outputs = []
        for layer in self.layers:
            queries = layer(queries, positions, bev)
            found = self.branches(queries)
            found['center'] = found['center'] + positions.transpose(1, 2)
            positions = found['center'].detach().transpose(1, 2)
            outputs.append(found)
        return queries, positions, outputs


def cell_centers(bev: Tensor) -> Tensor:  # [B, C, H, W] -> [H * W, 2]  x, y in cells
    """Centers of all cells of a map, row by row."""
    y, x = torch.meshgrid(*(torch.arange(size, device=bev.device) for size in bev.shape[-2:]),
                          indexing='ij')
    return (torch.stack([x, y], dim=-1).flatten(0, 1) + 0.5).to(bev.dtype)
