"""Attention of queries, and the feed-forward network behind it."""
from __future__ import annotations

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sparse3d.models.layers.linear import Linear
from sparse3d.ops.linear import linear


class FeedForward(nn.Module):
    """Two linear layers with a residual connection and a layer normalization behind.

    Source: Attention Is All You Need (NeurIPS 2017), section 3.3.
    """

    def __init__(self, channels: int, feedforward_channels: int, dropout: float) -> None:
        super().__init__()
        self.network = nn.Sequential(
            Linear(channels, feedforward_channels),
            nn.ReLU(),
            nn.Dropout(dropout),
            Linear(feedforward_channels, channels),
            nn.Dropout(dropout),
        )
        self.norm = nn.LayerNorm(channels)

    def forward(self, features: Tensor) -> Tensor:  # [B, Q, C] -> [B, Q, C]
        """Work on each query by itself."""
        return self.norm(features + self.network(features))


class Attention(nn.Module):
    """Multi-head attention with a residual connection and a layer normalization behind.

    Keys and values are the same vectors, positions included, as in the released code.

    Source: Attention Is All You Need (NeurIPS 2017), section 3.2.2; TransFusion's released code.
    """

    def __init__(self, channels: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(channels, num_heads, dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(channels)

    def forward(self,
                features: Tensor,               # [B, Q, C]
                queries: Tensor,                # [B, Q, C]  features with positions
                keys: Tensor,                   # [B, K, C]
                padding: Tensor | None = None,  # [B, K] bool, True for keys that are not there
                seen: Tensor | None = None,     # [B, Q, K] bool, True for keys that a query sees
                ) -> Tensor:                    # [B, Q, C]
        """Let each query gather from the keys."""
        found = scaled_attention(self.attention, queries, keys, padding, seen)
        return self.norm(features + self.dropout(found))


def scaled_attention(
        layer: nn.MultiheadAttention,
        queries: Tensor,                # [B, Q, C]
        keys: Tensor,                   # [B, K, C]  and values
        padding: Tensor | None = None,  # [B, K] bool, True for keys that are not there
        seen: Tensor | None = None,     # [B, Q, K] bool, True for keys that a query sees
) -> Tensor:                            # [B, Q, C]
    """Multi-head attention with the weights of ``layer``, without a table of all pairs.

    ``nn.MultiheadAttention`` itself keeps that table in evaluation when keys are masked,
    which is slow for the thousands of cells that a camera sees.
    """
    weights = layer.in_proj_weight.split(layer.embed_dim)
    biases = layer.in_proj_bias.split(layer.embed_dim)
    parts = (linear(source, weight, bias).unflatten(-1, (layer.num_heads, -1)).transpose(1, 2)
             for source, weight, bias in zip((queries, keys, keys), weights, biases, strict=True))
    there = None if seen is None else seen[:, None]
    if padding is not None:
        filled = ~padding[:, None, None]
        there = filled if there is None else there & filled
    found = F.scaled_dot_product_attention(
        *parts, attn_mask=there, dropout_p=layer.dropout if layer.training else 0.0)
    return linear(found.transpose(1, 2).flatten(2), layer.out_proj.weight, layer.out_proj.bias)
