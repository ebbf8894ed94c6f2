"""Queries that look at each other: the layer of view transformation and fusion."""
from __future__ import annotations

from torch import Tensor, nn

from sparse3d.models.query.attention import Attention, FeedForward
from sparse3d.models.query.positions import PositionEmbedding


class QueryAttention(nn.Module):
    """One attention among all queries, and a feed-forward network.

    Args:
        position_size: numbers of a query's position.
        channels: of the queries.
        num_heads: of the attention.
        feedforward_channels: width of the feed-forward network.
        dropout: probability, in attention and feed-forward.
        norm: whether position embeddings have a batch normalization.
        one_embedding: whether a query's position is embedded alike as query and as key.

    Source: SparseFusion (ICCV 2023), sections 3.2 and 3.5; released code.
    """

    def __init__(
        self,
        position_size: int,
        channels: int,
        num_heads: int = 8,
        feedforward_channels: int = 256,
        dropout: float = 0.1,
        norm: bool = False,
        one_embedding: bool = False,
    ) -> None:
        super().__init__()
        self.query_position = PositionEmbedding(position_size, channels, norm)
        self.key_position = None if one_embedding else (
            PositionEmbedding(position_size, channels, norm))
        self.attention = Attention(channels, num_heads, dropout)
        self.feed_forward = FeedForward(channels, feedforward_channels, dropout)

    def forward(self,
                queries: Tensor,    # [B, Q, C]
                positions: Tensor,  # [B, Q, position_size]
                absent: Tensor,     # [B, Q] bool, True for queries that nobody should look at
                ) -> Tensor:        # [B, Q, C]
        """Refine the queries."""
        if not queries.shape[1]:
            return queries
        as_query = self.query_position(positions)
        as_key = as_query if self.key_position is None else self.key_position(positions)
        absent = absent & ~absent.all(1, keepdim=True)
        found = self.attention(queries, queries + as_query, queries + as_key, absent)
        return self.feed_forward(found)
