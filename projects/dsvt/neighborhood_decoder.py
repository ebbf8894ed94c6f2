"""Decoder layer whose queries look at the cells around them."""
from __future__ import annotations

import torch
from mmdet3d.registry import MODELS
from torch import Tensor

from dsvt.published import DSVTPublished
from sparse3d.errors import ConfigError
from sparse3d.models.heads.transfusion_decoder import MapDecoderLayer


@MODELS.register_module()
class NeighborhoodDecoderLayer(MapDecoderLayer):
    """Self-attention of the queries, attention to a square of cells, feed-forward.

    Stands among ``decoder_layers`` of
    :class:`sparse3d.models.heads.transfusion_head.TransFusionHead`.

    Args:
        channels: of queries and map.
        num_heads: of the attentions.
        feedforward_channels: width of the feed-forward network.
        dropout: probability, in attention and feed-forward.
        radius: cells that a query sees to each side of its own.
        published: quirks; ``lone_queries``: each query attends to itself alone; ``wrapping``: the
            square continues on the other side of the map, one column further, where it leaves the
            map along y.

    Source: DSVT (CVPR 2023), released nuScenes config; TransFusion (CVPR 2022), section 3.3.
    """

    published_set = DSVTPublished

    def __init__(
        self,
        channels: int,
        num_heads: int = 8,
        feedforward_channels: int = 256,
        dropout: float = 0.0,
        radius: int = 20,
        published: dict | DSVTPublished | None = None,
    ) -> None:
        super().__init__(channels, num_heads, feedforward_channels, dropout)
        self.radius = radius
        self.published = DSVTPublished.of(published)

    def among_queries(self, queries: Tensor, placed: Tensor) -> Tensor:
        if not self.published.lone_queries:
            return super().among_queries(queries, placed)
        alone = placed.flatten(0, 1)[:, None]
        return self.self_attention(queries.flatten(0, 1)[:, None], alone, alone).view_as(queries)

    def seen_cells(self, query_positions: Tensor, bev: Tensor) -> Tensor:
        """Cells of the square around each query, [B, Q, H * W] bool."""
        height, width = bev.shape[-2:]
        column, row = query_positions.detach().floor().long().unbind(-1)     # [B, Q] each
        columns = torch.arange(width, device=bev.device).repeat(height)
        rows = torch.arange(height, device=bev.device).repeat_interleave(width)
        if self.published.wrapping:
            return self._seen_with_wrapping(column, row, columns, rows, height)
        return ((columns - column[..., None]).abs() <= self.radius) & (
            (rows - row[..., None]).abs() <= self.radius)

    def _seen_with_wrapping(self, column: Tensor, row: Tensor, columns: Tensor, rows: Tensor,
                            height: int) -> Tensor:
        if height <= 2 * self.radius + 1:
            raise ConfigError(f'published.wrapping needs a map of more than {2 * self.radius + 1} '
                              f'rows, not {height}: switch it off or enlarge the range')
        apart = columns * height + rows - (column * height + row)[..., None]
        along_x = (apart + height // 2).div(height, rounding_mode='floor')
        along_y = apart - along_x * height
        return (along_x.abs() <= self.radius) & (along_y.abs() <= self.radius)
