"""Scale-adaptive self attention: every query and head chooses how far it looks."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sparse3d.models.layers.precision import at_least_float32


def pairwise_distance(centers: Tensor) -> Tensor:
    """Distances [B, Q, Q] in meters between centers [B, Q, 2], without gradient."""
    centers = at_least_float32(centers.detach())
    return (centers[:, :, None] - centers[:, None]).norm(dim=-1)


class ScaleAdaptiveSelfAttention(nn.Module):
    """Attention whose logits lose ``tau * distance``; tau comes from the attending query.

    A large tau looks at the neighborhood, zero at everything; a negative one, which
    nothing forbids, at what is far.

    Args:
        channels: of the query features.
        num_heads: each has a tau of its own.
        dropout: of the attention weights, in training.
        adaptive: False for plain attention (the paper's ablation).

    Source: SparseBEV (ICCV 2023), section 3.2, equation 2.
    """

    def __init__(self, channels: int = 256, num_heads: int = 8, dropout: float = 0.1,
                 adaptive: bool = True) -> None:
        super().__init__()
        self.num_heads, self.dropout, self.adaptive = num_heads, dropout, adaptive
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.output = nn.Linear(channels, channels)
        self.tau = nn.Linear(channels, num_heads)
        self.init_weights()

    def init_weights(self) -> None:
        """As published: tau starts between 0 and 2 whatever the query says."""
        nn.init.xavier_uniform_(self.query_key_value.weight)
        nn.init.zeros_(self.query_key_value.bias)
        nn.init.zeros_(self.output.bias)
        nn.init.zeros_(self.tau.weight)
        nn.init.uniform_(self.tau.bias, 0.0, 2.0)

    def forward(self, features: Tensor, centers: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        """Attend and add the input.

        Args:
            features: [B, Q, C].
            centers: [B, Q, 2] meters, BEV.
            attn_mask: [Q, Q] or [B, Q, Q], True where the row must not see the column.

        Returns:
            [B, Q, C].
        """
        batch, count, channels = features.shape
        heads = self.query_key_value(features).view(batch, count, 3, self.num_heads, -1)
        query, key, value = heads.permute(2, 0, 3, 1, 4)            # 3 x [B, H, Q, C/H]
        bias = self.distance_bias(features, centers, attn_mask).to(query.dtype)
        attended = F.scaled_dot_product_attention(
            query, key, value, attn_mask=bias, dropout_p=self.dropout if self.training else 0.0)
        return features + self.output(attended.transpose(1, 2).reshape(batch, count, channels))

    def distance_bias(self, features: Tensor, centers: Tensor,
                      attn_mask: Tensor | None = None) -> Tensor:
        """What is added to the logits, [B, H, Q, Q], in float32 at least."""
        distance = pairwise_distance(centers)[:, None]
        if self.adaptive:
            tau = at_least_float32(self.tau(features)).transpose(1, 2)  # [B, H, Q]
            bias = -tau[..., None] * distance
        else:
            bias = torch.zeros_like(distance).expand(-1, self.num_heads, -1, -1)
        if attn_mask is None:
            return bias
        return bias.masked_fill(
            attn_mask if attn_mask.dim() == 2 else attn_mask[:, None], float('-inf')
        )
