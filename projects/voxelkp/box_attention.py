"""Sparse box attention: a transformer block over the voxels of each box of space."""
from __future__ import annotations

from collections.abc import Sequence

from spconv.pytorch import SparseConvTensor
from torch import Tensor, nn

from sparse3d.models.layers.precision import at_least_float32, full_precision
from voxelkp.window_attention import window_attention
from voxelkp.windows import window_numbers


class SparseBoxAttention(nn.Module):
    """Attention within windows, then a perceptron, each normalized before and added.

    Always in float32: scores over up to 216 voxels lose too much in half precision.

    Args:
        channels: width of the voxels' features.
        num_heads: number of attention heads; divides ``channels``.
        window: size of a window in voxels along z, y, x.
        published_batch_anchor: see :func:`voxelkp.windows.window_indices`.

    Source: VoxelKP (ICCV 2025), sparse box attention.
    """

    def __init__(self, channels: int, num_heads: int = 4, window: Sequence[int] = (6, 6, 6),
                 published_batch_anchor: bool = False) -> None:
        super().__init__()
        self.num_heads, self.window = num_heads, tuple(window)
        self.published_batch_anchor = published_batch_anchor
        self.attention_norm = nn.LayerNorm(channels)
        self.query, self.key, self.value, self.projection = (
            nn.Linear(channels, channels) for _ in range(4))
        self.perceptron_norm = nn.LayerNorm(channels)
        self.perceptron = nn.Sequential(
            nn.Linear(channels, channels), nn.GELU(), nn.Linear(channels, channels))

    def forward(self, voxels: SparseConvTensor) -> SparseConvTensor:
        """New features on the same voxels."""
        windows = window_numbers(voxels.indices, self.window, voxels.batch_size,
                                 self.published_batch_anchor)
        with full_precision(voxels.features):
            features = at_least_float32(voxels.features)
            features = features + self._attend(self.attention_norm(features), windows)
            features = features + self.perceptron(self.perceptron_norm(features))
        return voxels.replace_feature(features.to(voxels.features.dtype))

    def _attend(self, features: Tensor, windows: Tensor) -> Tensor:
        parts = (layer(features).unflatten(1, (self.num_heads, -1))
                 for layer in (self.query, self.key, self.value))
        return self.projection(window_attention(*parts, windows).flatten(1))
