"""Sparse encoder-decoder block: blocks on coarser and coarser voxels, and all the way back."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmdet3d.models.layers import make_sparse_convmodule
from mmdet3d.registry import MODELS
from spconv.pytorch import SparseConvTensor, SparseSequential
from torch import nn

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from sparse3d.models.layers.sparse_residual_block import SparseResidualBlock

NORM = dict(type='VoxelBN1d', eps=1e-3, momentum=0.01)


class SparseEncoderDecoder(nn.Module):
    """New features on the same voxels, with a view that each level doubles.

    Level 0 are residual blocks; each further level is a convolution of stride 2 along all axes and
    residual blocks. From the coarsest level on, inverse convolutions bring features back to
    the voxels of the finer level, whose own features are added, and normalized.

    Args:
        channels: of all levels.
        blocks: residual blocks of each level, finest first.
        key: beginning of the names under which spconv keeps its tables; no other block has it.
        dimensions: 3 for voxels, 2 for a sparse map.
        norm_cfg: of the batch normalizations.

    Source: HEDNet (NeurIPS 2023), sparse encoder-decoder (SED) block.
    """

    def __init__(self, channels: int, blocks: Sequence[int], key: str, dimensions: int = 3,
                 norm_cfg: dict[str, Any] | None = None) -> None:
        super().__init__()
        norm_cfg = norm_cfg or NORM
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        self.decoder_norm = nn.ModuleList()
        for level, count in enumerate(blocks):
            down = [] if level == 0 else [
                sparse_unit(channels, channels, 3, f'{key}_down{level}', dimensions, stride=2,
                            padding=1, norm_cfg=norm_cfg)]
            self.encoder.append(nn.Sequential(*down, *(
                SparseResidualBlock(channels, norm_cfg, f'{key}_level{level}',
                                    f'SubMConv{dimensions}d') for _ in range(count))))
        for level in reversed(range(1, len(blocks))):
            self.decoder.append(sparse_unit(
                channels, channels, 3, f'{key}_down{level}', dimensions, kind='SparseInverseConv',
                norm_cfg=norm_cfg))
            self.decoder_norm.append(MODELS.build(dict(norm_cfg, num_features=channels)))

    def forward(self, voxels: SparseConvTensor) -> SparseConvTensor:
        """New features on the same voxels, in the same order."""
        levels = []
        for encoder in self.encoder:
            voxels = encoder(voxels)
            levels.append(voxels)
        for decoder, norm, skip in zip(self.decoder, self.decoder_norm, levels[-2::-1],
                                       strict=True):
            voxels = decoder(voxels)
            voxels = voxels.replace_feature(norm(voxels.features + skip.features))
        return voxels


def sparse_unit(in_channels: int, out_channels: int, kernel: int | Sequence[int], key: str,
                dimensions: int = 3, kind: str = 'SparseConv', **more: Any) -> SparseSequential:
    """Convolution without bias, normalization, ReLU.

    Args:
        kind: ``'SparseConv'``, ``'SubMConv'`` or ``'SparseInverseConv'``.
        more: ``stride``, ``padding``, ``norm_cfg``.
    """
    return make_sparse_convmodule(in_channels, out_channels, kernel, key,
                                  conv_type=f'{kind}{dimensions}d',
                                  **{'norm_cfg': NORM, **more})
