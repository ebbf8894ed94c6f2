"""Attention among instances, and to those of the frame before; the network behind it."""
from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class InstanceAttention(nn.Module):
    """Multi-head attention with a residual connection, dropout and no normalization.

    Args:
        channels: of the queries.
        num_heads: they are split into.
        dropout: of the weights and of the result, in training.
    """

    def __init__(self, channels: int, num_heads: int = 8, dropout: float = 0.1) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(channels, num_heads, dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)

    def forward(self, query: Tensor, keys: Tensor, values: Tensor,
                identity: Tensor | None = None, attn_mask: Tensor | None = None) -> Tensor:
        """Results [B, Q, C].

        Args:
            query: [B, Q, C].
            keys, values: [B, K, C].
            identity: what the result is added to; the query by default.
            attn_mask: [Q, K] or [B, Q, K] bool, True where the row must not see the column.
        """
        layer = self.attn
        weights, biases = layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3)
        parts = (F.linear(source, weight, bias).unflatten(-1, (layer.num_heads, -1)).transpose(1, 2)
                 for source, weight, bias in zip((query, keys, values), weights, biases,
                                                 strict=True))
        seen = None if attn_mask is None else ~attn_mask
        if seen is not None and seen.dim() == 3:
            seen = seen[:, None]
        found = F.scaled_dot_product_attention(
            *parts, attn_mask=seen, dropout_p=layer.dropout if self.training else 0.0)
        found = layer.out_proj(found.transpose(1, 2).flatten(2))
        return (query if identity is None else identity) + self.dropout(found)


class DecoupledValues(nn.Module):
    """Features and embeddings side by side as queries and keys; values of the features alone.

    Every attention of the decoder shares these two layers.

    Source: Sparse4D v3 (arXiv 2311.11722), section 3.3.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.value_projection = nn.Linear(channels, channels * 2, bias=False)
        self.output_projection = nn.Linear(channels * 2, channels, bias=False)

    def forward(self, attention: InstanceAttention, features: Tensor, embedding: Tensor,
                keys: tuple[Tensor, Tensor] | None = None, attn_mask: Tensor | None = None,
                plain_values: bool = False) -> Tensor:
        """Results [B, Q, C]; see :class:`AddedPositions`.

        Args:
            plain_values: features and embeddings side by side are the values too, and do not
                pass the first layer: the temporal attention where there is no frame before.
        """
        query = torch.cat([features, embedding], -1)
        of_keys, of_values = (query, features) if keys is None else (torch.cat(keys, -1), keys[0])
        values = of_keys if plain_values else self.value_projection(of_values)
        return self.output_projection(attention(query, of_keys, values, attn_mask=attn_mask))


class AddedPositions(nn.Module):
    """Embeddings added to queries and keys, as in v1 and v2; it has no weights."""

    def forward(self, attention: InstanceAttention, features: Tensor, embedding: Tensor,
                keys: tuple[Tensor, Tensor] | None = None, attn_mask: Tensor | None = None,
                plain_values: bool = False) -> Tensor:
        """Results [B, Q, C].

        Args:
            attention: of this layer.
            features, embedding: of the queries, [B, Q, C].
            keys: features and embeddings [B, K, C] of the keys; the queries by default.
            attn_mask: [Q, K], True where the row must not see the column.
        """
        of_keys, positions = (features, embedding) if keys is None else keys
        return attention(features + embedding, of_keys + positions, of_keys, features, attn_mask)


class AsymmetricFeedForward(nn.Module):
    """Two linear layers from twice the channels to the channels, and a residual that is projected.

    Source: Sparse4D's released code, v2 and v3.
    """

    def __init__(self, channels: int, feedforward_channels: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels * 2)
        self.network = nn.Sequential(
            nn.Linear(channels * 2, feedforward_channels), nn.ReLU(inplace=True),
            nn.Dropout(dropout), nn.Linear(feedforward_channels, channels), nn.Dropout(dropout))
        self.identity = nn.Linear(channels * 2, channels)

    def forward(self, features: Tensor) -> Tensor:
        """Features [..., C] from [..., 2 * C]; the residual is of the normalized ones."""
        features = self.norm(features)
        return self.identity(features) + self.network(features)


class ResidualFeedForward(nn.Module):
    """Two linear layers with a residual connection and no normalization, as in v1."""

    def __init__(self, channels: int, feedforward_channels: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Linear(channels, feedforward_channels), nn.ReLU(inplace=True),
            nn.Dropout(dropout), nn.Linear(feedforward_channels, channels), nn.Dropout(dropout))

    def forward(self, features: Tensor) -> Tensor:
        """Work on each instance by itself, [..., C]."""
        return features + self.network(features)
