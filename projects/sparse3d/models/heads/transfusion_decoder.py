"""Queries that look at each other and at a map: TransFusion's decoder layer."""
from __future__ import annotations

from mmdet3d.registry import MODELS
from torch import Tensor, nn

from sparse3d.models.center.bev_grid import cell_centers
from sparse3d.models.heads.transfusion_branches import PredictionBranches
from sparse3d.models.query.attention import Attention, FeedForward
from sparse3d.models.query.positions import PositionEmbedding


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
                valid: Tensor | None = None,  # [B, H * W] bool  cells that are there
                ) -> Tensor:              # [B, Q, C]
        """Refine the queries."""
        position = self.query_position(query_positions)
        queries = self.among_queries(queries, queries + position)
        cells = cell_centers(bev)[None]                                  # [1, H * W, 2]
        keys = bev.flatten(2).transpose(1, 2) + self.key_position(cells)  # [B, H * W, C]
        padding = None if valid is None else ~valid
        queries = self.cross_attention(queries, queries + position, keys, padding,
                                       seen=self.seen_cells(query_positions, bev))
        return self.feed_forward(queries)

    def among_queries(self, queries: Tensor, placed: Tensor) -> Tensor:  # [B, Q, C] each
        """Attention of the queries to each other; ``placed`` are they with their positions."""
        return self.self_attention(queries, placed, placed)

    def seen_cells(self, query_positions: Tensor, bev: Tensor) -> Tensor | None:
        """Which cells each query sees, [B, Q, H * W] bool; None for all."""
        return None


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
                valid: Tensor | None = None,  # [B, H * W] bool  for layers that take it
                ) -> tuple[Tensor, list[Tensor], list[dict[str, Tensor]]]:
        """Refined queries, their positions, and the branches' outputs of each layer.

        The positions are those before the first layer and, detached, after each.
        """
        outputs, places = [], [positions]
        masked = {} if valid is None else dict(valid=valid)
        for layer in self.layers:
            queries = layer(queries, positions, bev, **masked)
            found = self.branches(queries)
            found['center'] = found['center'] + positions.transpose(1, 2)
            positions = found['center'].detach().transpose(1, 2)
            places.append(positions)
            outputs.append(found)
        return queries, places, outputs
