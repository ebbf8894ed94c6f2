"""From voxel features to a bird's-eye view: HEDNet's and SAFDNet's sparse encoders."""
from __future__ import annotations

from collections.abc import Sequence

from mmdet3d.registry import MODELS
from spconv.pytorch import SparseConvTensor, SparseSequential
from torch import Tensor, nn

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from safdnet.sparse_encoder_decoder import NORM, SparseEncoderDecoder, sparse_unit
from sparse3d.errors import ConfigError
from sparse3d.models.layers.precision import at_least_float32, full_precision
from sparse3d.models.layers.sparse_residual_block import SparseResidualBlock
from sparse3d.ops.cells import cell_coordinates, cell_keys, distinct_keys, sum_groups


class SparseEncoder3D(nn.Module):
    """Stem, encoder-decoder blocks and a transition, in three dimensions or, of pillars, in two.

    In three dimensions the stem is a convolution and then stage after stage, each behind a
    convolution of stride 2 but the first; last comes one of stride 2 along y and x. The
    transition narrows z twice. Pillars have no stem; their transition halves y and x. The map
    is 8 times coarser than voxels, 2 times coarser than pillars.

    Args:
        in_channels: of the voxels.
        sparse_shape: voxels along z, y, x; along z one more than the range holds, as spconv's
            detectors have it. Pillars: 1 along z.
        stem_channels: width of each stage of the stem.
        stem_blocks: of each stage a number of residual blocks, or the numbers of one
            encoder-decoder block.
        num_layers: encoder-decoder blocks behind the stem.
        blocks: their residual blocks of each level, finest first.
        out_channels: of the transition.
        norm_cfg: of the batch normalizations.

    Raises:
        ConfigError: if the stem has as many widths as stages for another number of axes, or the
            levels do not divide the grid.

    Source: HEDNet (NeurIPS 2023), SAFDNet (CVPR 2024), released configs.
    """

    def __init__(self, in_channels: int, sparse_shape: Sequence[int],
                 stem_channels: Sequence[int] = (16, 32, 64),
                 stem_blocks: Sequence[int | Sequence[int]] = (2, 2, 4), num_layers: int = 1,
                 blocks: Sequence[int] = (4, 2, 2), out_channels: int = 128,
                 norm_cfg: dict | None = None) -> None:
        super().__init__()
        self.sparse_shape = [int(cells) for cells in sparse_shape]
        self.dimensions = 2 if self.sparse_shape[0] == 1 else 3
        self.norm_cfg = norm_cfg or NORM
        if len(stem_channels) != len(stem_blocks) or bool(stem_channels) != (self.dimensions == 3):
            raise ConfigError(
                f'a stem of widths {list(stem_channels)} with blocks {list(stem_blocks)} does not '
                f'go with sparse_shape {self.sparse_shape}: voxels have one entry of each for a '
                'stage, pillars none')
        self.stem = self._stem(in_channels, stem_channels, stem_blocks)
        channels = stem_channels[-1] if stem_channels else in_channels
        self.sed_layers = nn.ModuleList(
            SparseEncoderDecoder(channels, blocks, f'layer{number}', self.dimensions,
                                 self.norm_cfg) for number in range(num_layers))
        self.transition = self._transition(channels, out_channels)

    def encode(self, features: Tensor, coordinates: Tensor, batch_size: int) -> SparseConvTensor:
        """The transition's output; see :meth:`HEDNetEncoder.forward`."""
        coordinates = coordinates.int()
        if self.dimensions == 2:
            coordinates = coordinates[:, [0, 2, 3]].contiguous()
        voxels = SparseConvTensor(at_least_float32(features), coordinates,
                                  self.sparse_shape[-self.dimensions:], batch_size)
        with full_precision(features):  # spconv has no bfloat16
            for layer in (*self.stem, *self.sed_layers, *self.transition):
                voxels = layer(voxels)
        return voxels

    def _stem(self, in_channels: int, widths: Sequence[int],
              blocks: Sequence[int | Sequence[int]]) -> nn.ModuleList:
        stem, last = nn.ModuleList(), in_channels
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            stem.append(self._unit(last, width, f'stem_down{stage}', 2) if stage else
                        sparse_unit(last, width, 3, 'stem_level0_3', kind='SubMConv', padding=1,
                                    norm_cfg=self.norm_cfg))
            if isinstance(count, int):
                stem.extend(SparseResidualBlock(width, self.norm_cfg, f'stem_level{stage}')
                            for _ in range(count))
            else:
                stem.append(SparseEncoderDecoder(width, count, f'stem_stage{stage}',
                                                 norm_cfg=self.norm_cfg))
            last = width
        if widths:
            stem.append(self._unit(last, last, 'stem_map', (1, 2, 2)))
        return stem

    def _unit(self, in_channels: int, out_channels: int, key: str,
              stride: int | Sequence[int]) -> SparseSequential:
        return sparse_unit(in_channels, out_channels, 3, key, self.dimensions, stride=stride,
                           padding=1, norm_cfg=self.norm_cfg)

    def _transition(self, in_channels: int, out_channels: int) -> nn.ModuleList:
        if self.dimensions == 2:
            return nn.ModuleList([self._unit(in_channels, out_channels, 'transition', 2)])
        return nn.ModuleList([
            sparse_unit(width, out_channels, (3, 1, 1), f'transition{step}', stride=(2, 1, 1),
                        norm_cfg=self.norm_cfg)
            for step, width in enumerate((in_channels, out_channels))])


@MODELS.register_module()
class HEDNetEncoder(SparseEncoder3D):
    """:class:`SparseEncoder3D` whose result is a dense map for a 2D backbone."""

    def forward(
            self,
            features: Tensor,     # [N, C]
            coordinates: Tensor,  # [N, 4]  sample, z, y, x
            batch_size: int,
    ) -> Tensor:                  # [B, C * Z, H, W]; zeros where nothing is
        """Encode the voxels of a batch; what is left of z goes into the channels."""
        encoded = self.encode(features, coordinates, batch_size).dense()
        return encoded if self.dimensions == 2 else encoded.flatten(1, 2)


@MODELS.register_module()
class SAFDNetEncoder(SparseEncoder3D):
    """:class:`SparseEncoder3D` whose result is a sparse map: no cell that nothing lies in."""

    def forward(
            self,
            features: Tensor,     # [N, C]
            coordinates: Tensor,  # [N, 4]  sample, z, y, x
            batch_size: int,
    ) -> SparseConvTensor:        # [M, C] at sample, y, x, in this order
        """Encode the voxels of a batch; features above each other are added up."""
        return flattened(self.encode(features, coordinates, batch_size))


def flattened(voxels: SparseConvTensor) -> SparseConvTensor:
    """A sparse map from voxels in three or two dimensions; cells by sample, y, x.

    Source: SAFDNet (CVPR 2024), released code.
    """
    indices, shape = voxels.indices.long(), [int(cells) for cells in voxels.spatial_shape[-2:]]
    keys, rows = distinct_keys(cell_keys(
        (indices[:, 0], indices[:, -2], indices[:, -1]), shape))
    features = sum_groups(voxels.features, rows, len(keys))
    return SparseConvTensor(features, cell_coordinates(keys, shape), shape, voxels.batch_size)
