"""Multi-head attention inside rotated sets."""
from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from sparse3d.models.layers.linear import Linear
from sparse3d.ops.linear import linear


class SetAttention(nn.Module):
    """Attention among the voxels of a set, then a feed-forward network, each with a residual.

    Queries and keys see the position, values do not. Because each voxel is projected
    once, before it is put into slots, and read from its first slot afterwards, the
    linear layers work on N voxels rather than on all slots.

    Args:
        channels: of the voxels.
        num_heads: of the attention.
        feedforward_channels: inside the feed-forward network.

    Source: DSVT (CVPR 2023), equations 5 and 6; erf GELU and norms as in the released code.
    """

    def __init__(self, channels: int, num_heads: int, feedforward_channels: int) -> None:
        super().__init__()
        # Holds the weights only; its forward would mask and project slot by slot.
        self.self_attn = nn.MultiheadAttention(channels, num_heads, batch_first=True)
        self.linear1 = Linear(channels, feedforward_channels)
        self.linear2 = Linear(feedforward_channels, channels)
        self.norm1 = nn.LayerNorm(channels)
        self.norm2 = nn.LayerNorm(channels)

    def forward(
            self,
            features: Tensor,       # [N, C]
            position: Tensor,       # [N, C]
            voxels: Tensor,         # [S, s]  row of the voxel in each slot
            attended: Tensor,       # [S, s] bool  the slot is no repetition
            slot_of_voxel: Tensor,  # [N]  slot, in S * s, of each voxel
    ) -> Tensor:                    # [N, C]
        """Let each voxel attend to its set."""
        sets, slots = voxels.shape
        heads, channels = self.self_attn.num_heads, features.shape[1]
        weight, bias = self.self_attn.in_proj_weight, self.self_attn.in_proj_bias
        query_key = linear(features + position, weight[:2 * channels], bias[:2 * channels])
        value = linear(features, weight[2 * channels:], bias[2 * channels:])
        query, key, value = (
            part.index_select(0, voxels.flatten()).view(
                sets, slots, heads, channels // heads).transpose(1, 2)
            for part in (*query_key.chunk(2, dim=1), value))                # [S, heads, s, C/heads]
        mixed = F.scaled_dot_product_attention(
            query, key, value, attn_mask=attended[:, None, None, :])
        mixed = mixed.transpose(1, 2).reshape(sets * slots, channels).index_select(0, slot_of_voxel)
        last = self.self_attn.out_proj
        features = self.norm1(features + linear(mixed, last.weight, last.bias))
        return self.norm2(features + self.linear2(F.gelu(self.linear1(features))))
