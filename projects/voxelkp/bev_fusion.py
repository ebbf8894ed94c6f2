"""Spatially aware fusion of feature volumes into one sparse BEV map."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet3d.models.layers import make_sparse_convmodule
from mmdet3d.registry import MODELS
from spconv.pytorch import SparseConvTensor
from torch import Tensor, nn

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from sparse3d.errors import ConfigError
from sparse3d.ops.cells import cell_coordinates, cell_keys, distinct_keys, sum_groups
from voxelkp.published import VoxelKPPublished
from voxelkp.sparse_keypoint_encoder import NORM


@MODELS.register_module()
class SparseBEVFusion(nn.Module):
    """Sparse 3D levels, each half as fine as the one before, to sparse features on the ground.

    Each level is collapsed by a convolution over its whole height, which has a matrix of its
    own for every height and so keeps where above the ground a feature was. The levels are
    then added on the cells of the finest: a coarse cell ``i`` lies at cell ``2 ** level * i``,
    the center of what it has seen. A last convolution lets the cells grow by one.

    Args:
        in_channels: width of each level.
        depths: cells of each level along z.
        out_channels: width of the result.
        height_aware: False for one matrix for all heights, as a baseline.
        norm_cfg: of the convolutions.
        published: quirks; ``cell_offsets``: coarse cells half a cell further, at ``2i + 1`` and
            ``4i + 2``; ``level_weights``: levels times 1, 2, 3 before they are added.

    Raises:
        ConfigError: if the numbers of widths and depths differ.

    Source: VoxelKP (ICCV 2025), spatially aware multi-scale BEV fusion.
    """

    published_set = VoxelKPPublished

    def __init__(self, in_channels: Sequence[int], depths: Sequence[int],
                 out_channels: int = 384, height_aware: bool = True,
                 norm_cfg: dict | None = None,
                 published: dict | VoxelKPPublished | None = None) -> None:
        super().__init__()
        if len(in_channels) != len(depths):
            raise ConfigError(f'{len(in_channels)} levels need as many depths, not {len(depths)}')
        norm_cfg = norm_cfg or NORM
        collapse = HeightCollapse if height_aware else HeightSum
        self.collapses = nn.ModuleList(
            collapse(width, out_channels, depth, norm_cfg, f'height{level}')
            for level, (width, depth) in enumerate(zip(in_channels, depths, strict=True)))
        self.published = VoxelKPPublished.of(published)
        self.conv_out = make_sparse_convmodule(
            out_channels, out_channels, 3, 'bev_grown', padding=1, conv_type='SparseConv2d',
            norm_cfg=norm_cfg)
        self.shared_conv = make_sparse_convmodule(
            out_channels, out_channels, 3, 'bev', padding=1, conv_type='SubMConv2d',
            norm_cfg=dict(type='VoxelBN1d'))

    def forward(self, levels: Sequence[SparseConvTensor]) -> SparseConvTensor:
        """Fuse sparse 3D levels, finest first, into a sparse 2D tensor (frame, y, x)."""
        collapsed = [layer(level) for layer, level in zip(self.collapses, levels, strict=True)]
        return self.shared_conv(self.conv_out(self.fuse(collapsed)))

    def fuse(self, levels: Sequence[SparseConvTensor]) -> SparseConvTensor:
        """Add sparse 2D levels on the cells of the first; rows sorted by frame, y, x."""
        shape = [int(cells) for cells in levels[0].spatial_shape]
        features, keys = [], []
        for number, level in enumerate(levels):
            cells = self._place(level.indices.long(), number, shape)
            keys.append(cell_keys(cells.unbind(1), shape))
            weight = number + 1 if self.published.level_weights else 1
            features.append(level.features * weight)
        keys, rows = distinct_keys(torch.cat(keys))
        fused = sum_groups(torch.cat(features), rows, len(keys))
        return SparseConvTensor(fused, cell_coordinates(keys, shape), shape, levels[0].batch_size)

    def _place(self, cells: Tensor, level: int, shape: Sequence[int]) -> Tensor:
        """Cells of a level [N, 3] (frame, y, x) on the grid of the first level."""
        stride = 2 ** level
        shift = stride // 2 if self.published.cell_offsets else 0
        limit = cells.new_tensor(shape) - 1
        placed = torch.minimum(cells[:, 1:] * stride + shift, limit)
        return torch.cat([cells[:, :1], placed], 1)


class HeightCollapse(nn.Module):
    """A convolution over the whole height; its result lies on the ground."""

    def __init__(self, in_channels: int, out_channels: int, depth: int, norm_cfg: dict,
                 indice_key: str) -> None:
        super().__init__()
        self.depth = depth
        self.convolution = make_sparse_convmodule(
            in_channels, out_channels, (depth, 1, 1), indice_key, conv_type='SparseConv3d',
            norm_cfg=norm_cfg)

    def forward(self, voxels: SparseConvTensor) -> SparseConvTensor:
        """Sparse 3D to sparse 2D.

        Raises:
            ConfigError: if the volume is not ``depth`` cells high.
        """
        if int(voxels.spatial_shape[0]) != self.depth:
            raise ConfigError(f'a level is {int(voxels.spatial_shape[0])} cells high, its depth '
                              f'is configured as {self.depth}')
        flat = self.convolution(voxels)
        return SparseConvTensor(flat.features, flat.indices[:, [0, 2, 3]].contiguous(),
                                list(flat.spatial_shape[1:]), flat.batch_size)


class HeightSum(nn.Module):
    """The baseline: one matrix for every height, and a sum."""

    def __init__(self, in_channels: int, out_channels: int, depth: int, norm_cfg: dict,
                 indice_key: str) -> None:
        super().__init__()
        self.pointwise = nn.Linear(in_channels, out_channels, bias=False)
        self.norm_and_act = nn.Sequential(
            MODELS.build(dict(norm_cfg, num_features=out_channels)), nn.ReLU())

    def forward(self, voxels: SparseConvTensor) -> SparseConvTensor:
        """Sparse 3D to sparse 2D."""
        shape = [int(cells) for cells in voxels.spatial_shape[1:]]
        keys, rows = distinct_keys(cell_keys(voxels.indices[:, [0, 2, 3]].unbind(1), shape))
        summed = sum_groups(self.pointwise(voxels.features), rows, len(keys))
        return SparseConvTensor(self.norm_and_act(summed), cell_coordinates(keys, shape), shape,
                                voxels.batch_size)
