"""DSVT block: set attention along y, then along x."""
from __future__ import annotations

from torch import Tensor, nn

from dsvt.rotated_sets import RotatedSets
from dsvt.set_attention import SetAttention


class EncoderLayer(nn.Module):
    """Set attention with an outer residual that starts again from the layer's input."""

    def __init__(self, channels: int, num_heads: int, feedforward_channels: int) -> None:
        super().__init__()
        self.win_attn = SetAttention(channels, num_heads, feedforward_channels)
        self.norm = nn.LayerNorm(channels)

    def forward(self, features: Tensor, *partition: Tensor) -> Tensor:
        """[N, C] -> [N, C]; ``partition`` as in :class:`dsvt.set_attention.SetAttention`."""
        return self.norm(self.win_attn(features, *partition) + features)


class DSVTBlock(nn.Module):
    """Two encoder layers on the two partitions of one window configuration.

    Source: DSVT (CVPR 2023), equation 7 (rotated set attention).
    """

    def __init__(self, channels: int, num_heads: int, feedforward_channels: int) -> None:
        super().__init__()
        self.encoder_list = nn.ModuleList(
            EncoderLayer(channels, num_heads, feedforward_channels) for _ in range(2))

    def forward(self, features: Tensor, positions: tuple[Tensor, Tensor],
                sets: RotatedSets) -> Tensor:
        """[N, C] -> [N, C]; one positional embedding [N, C] for each layer."""
        attended = ~sets.repeated
        for index, layer in enumerate(self.encoder_list):
            features = layer(features, positions[index], sets.voxels[index], attended[index],
                             sets.slot_of_voxel[index])
        return features
