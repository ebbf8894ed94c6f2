"""Dense encoder-decoder blocks on a map."""
from __future__ import annotations

from collections.abc import Sequence

from mmdet3d.registry import MODELS
from torch import Tensor, nn

from sparse3d.errors import ConfigError
from sparse3d.models.layers.residual_block import ResidualBlock

NORM = dict(eps=1e-3, momentum=0.01)


class DenseEncoderDecoder(nn.Module):
    """Residual blocks on coarser and coarser maps, and all the way back.

    Each level below the first begins with a residual block of stride 2. From the coarsest
    level on, transposed convolutions double the map; the map of the level before is added,
    and normalized.

    Args:
        channels: of all levels.
        blocks: residual blocks of each level, the strided one not counted.
        norm_cfg: ``eps`` and ``momentum`` of the batch normalizations.

    Source: HEDNet (NeurIPS 2023), dense encoder-decoder (DED) block.
    """

    def __init__(self, channels: int, blocks: Sequence[int],
                 norm_cfg: dict | None = None) -> None:
        super().__init__()
        norm_cfg = norm_cfg or NORM
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        self.decoder_norm = nn.ModuleList()
        for level, count in enumerate(blocks):
            strided = [ResidualBlock(channels, channels, 2, True, norm_cfg)] if level else []
            self.encoder.append(nn.Sequential(*strided, *(
                ResidualBlock(channels, channels, norm_cfg=norm_cfg) for _ in range(count))))
        for _ in range(len(blocks) - 1):
            self.decoder.append(nn.Sequential(
                nn.ConvTranspose2d(channels, channels, 2, 2, bias=False),
                nn.BatchNorm2d(channels, **norm_cfg), nn.ReLU()))
            self.decoder_norm.append(nn.BatchNorm2d(channels, **norm_cfg))

    def forward(self, features: Tensor) -> Tensor:
        """[B, C, H, W] -> the same shape."""
        levels = []
        for encoder in self.encoder:
            features = encoder(features)
            levels.append(features)
        for decoder, norm, skip in zip(self.decoder, self.decoder_norm, levels[-2::-1],
                                       strict=True):
            features = norm(decoder(features) + skip)
        return features


@MODELS.register_module()
class DenseEncoderDecoders(nn.Module):
    """Several dense encoder-decoder blocks in a row, as the 2D backbone of a detector.

    Args:
        channels: of the map.
        num_layers: number of blocks.
        blocks: residual blocks of each level of a block, finest first.
        norm_cfg: ``eps`` and ``momentum`` of the batch normalizations.

    Source: HEDNet (NeurIPS 2023), released configs.
    """

    def __init__(self, channels: int = 128, num_layers: int = 4,
                 blocks: Sequence[int] = (2, 1, 1), norm_cfg: dict | None = None) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DenseEncoderDecoder(channels, blocks, norm_cfg)
                                    for _ in range(num_layers))
        self.divisor = 2 ** (len(blocks) - 1)

    def forward(self, bev: Tensor) -> list[Tensor]:
        """[B, C, H, W] -> one map of the same shape.

        Raises:
            ConfigError: if the levels do not divide the map.
        """
        if bev.shape[2] % self.divisor or bev.shape[3] % self.divisor:
            raise ConfigError(f'a map of {bev.shape[2]} x {bev.shape[3]} cells cannot be halved to '
                              f'1/{self.divisor} and back: choose a range and a voxel size that '
                              f'give multiples of {self.divisor} cells')
        for layer in self.layers:
            bev = layer(bev)
        return [bev]
