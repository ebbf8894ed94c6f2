"""Attention-style pooling of voxels along z between stages."""
from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sparse3d.ops.cells import cell_columns, cell_keys, distinct_keys


class PoolingTable(NamedTuple):
    """Which voxel goes into which slot of which pooled voxel."""

    pooled: Tensor       # [N] int64  row of the pooled voxel
    slot: Tensor         # [N] int64  slot inside the pooling region, x, y, z order
    coordinates: Tensor  # [M, 4] int64  sample, z, y, x of the pooled voxels, by sample, x, y, z
    slots: int           # slots of a region


def pooling_table(
        coordinates: Tensor,   # [N, 4]  sample, z, y, x
        stride: Sequence[int],  # x, y, z
        grid: Sequence[int],    # x, y, z  of the pooled grid
) -> PoolingTable:
    """Join the voxels of each region of ``stride`` cells; pooled voxels by sample, x, y, z."""
    sample, z, y, x = coordinates.long().unbind(1)
    regions = [cell.div(size, rounding_mode='floor')
               for cell, size in zip((x, y, z), stride, strict=True)]
    inside = [cell - region * size
              for cell, region, size in zip((x, y, z), regions, stride, strict=True)]
    keys, pooled = distinct_keys(cell_keys((sample, *regions), grid))
    sample, x, y, z = cell_columns(keys, grid)
    return PoolingTable(pooled, cell_keys(inside, stride[1:], stride[0]),
                        torch.stack([sample, z, y, x], 1), prod(stride))


class AttentionPooling(nn.Module):
    """One query for each region attends to the voxels of the region.

    The query is the channel-wise maximum of the region, keys carry a learned embedding
    of their slot, the result is normalized together with the query.

    Args:
        channels: of the voxels.
        slots: cells of a region.
        num_heads: of the attention.
        published_empty_slots: as in the released code empty cells take part, as zero
            vectors in the maximum and as keys of their own; without, only voxels do.

    Source: DSVT (CVPR 2023), section 3.3.
    """

    def __init__(self, channels: int, slots: int, num_heads: int = 8,
                 published_empty_slots: bool = False) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(channels, num_heads, batch_first=True)
        self.norm = nn.LayerNorm(channels)
        self.pos_embedding = nn.Parameter(torch.randn(slots, channels))
        self.published_empty_slots = published_empty_slots

    def forward(
            self,
            features: Tensor,  # [N, C]
            cell: Tensor,      # [N] int64  pooled row * slots + slot
            filled: Tensor,    # [M, slots] bool  a voxel is there
    ) -> Tensor:               # [M, C]
        """Pool N voxels to M."""
        regions, slots = filled.shape
        channels = features.shape[1]
        padded = features.new_zeros((regions * slots, channels))
        padded = padded.index_copy(0, cell, features).view(regions, slots, channels)
        if self.published_empty_slots:
            query, mask = padded.amax(1), None
        else:
            lowest = torch.finfo(features.dtype).min
            query = padded.masked_fill(~filled[:, :, None], lowest).amax(1)
            mask = filled[:, None, None, :]
        mixed = self._attend(query, padded, mask)
        return self.norm(mixed + query)

    def _attend(self, query: Tensor, padded: Tensor, mask: Tensor | None) -> Tensor:
        regions, slots, channels = padded.shape
        heads = self.self_attn.num_heads
        weights = self.self_attn.in_proj_weight.chunk(3)
        biases = self.self_attn.in_proj_bias.chunk(3)
        inputs = (query[:, None], padded + self.pos_embedding, padded)
        query, key, value = (
            F.linear(part, weight, bias).unflatten(2, (heads, channels // heads)).transpose(1, 2)
            for part, weight, bias in zip(inputs, weights, biases, strict=True))
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.self_attn.out_proj(mixed.reshape(regions, channels))


def slot_cells(table: PoolingTable) -> tuple[Tensor, Tensor]:
    """``cell`` and ``filled`` of :meth:`AttentionPooling.forward`."""
    cell = table.pooled * table.slots + table.slot
    filled = torch.zeros(len(table.coordinates) * table.slots, dtype=torch.bool,
                         device=cell.device)
    filled[cell] = True
    return cell, filled.view(-1, table.slots)
