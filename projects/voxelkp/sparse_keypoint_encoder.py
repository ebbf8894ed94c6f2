"""The sparse 3D encoder: residual, selective and attentive stages, each half as fine."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmdet3d.models.layers import make_sparse_convmodule
from mmdet3d.registry import MODELS
from spconv.pytorch import SparseConvTensor
from torch import Tensor, nn

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from sparse3d.argument_objects import argument_object
from sparse3d.errors import ConfigError
from sparse3d.models.layers.precision import at_least_float32, full_precision
from sparse3d.models.layers.sparse_residual_block import SparseResidualBlock
from voxelkp.box_attention import SparseBoxAttention
from voxelkp.point_branch import PointBranch
from voxelkp.published import VoxelKPPublished
from voxelkp.selective_kernel import SelectiveKernelBlock

NORM = dict(type='VoxelBN1d', eps=1e-3, momentum=0.01)
KINDS = ('residual', 'selective', 'attentive')


@dataclass(frozen=True)
class BlockOptions:
    """What stages consist of; the switches leave one idea out, for ablations.

    Attributes:
        num_heads: attention heads.
        window: voxels of an attention window along z, y, x.
        selective_kernel: False for plain residual blocks instead.
        box_attention: False for no attention.
        point_branch: False for no point branch.
    """

    num_heads: int = 4
    window: Sequence[int] = (6, 6, 6)
    selective_kernel: bool = True
    box_attention: bool = True
    point_branch: bool = True


@MODELS.register_module()
class SparseKeypointEncoder(nn.Module):
    """Voxels to sparse feature volumes of the last three stages.

    The first stage keeps the resolution, every further one halves it. A stage is one of

    * ``'residual'``: two residual blocks;
    * ``'selective'``: two selective kernel blocks;
    * ``'attentive'``: selective kernel, box attention, selective kernel, box attention;

    the last two with a point branch beside them.

    Args:
        in_channels: width of the voxel features.
        sparse_shape: cells of the grid along z, y, x.
        channels: width of each stage.
        stages: kind of each stage.
        kernels: kernel of the down-sampling into each stage but the first.
        num_levels: number of stages, the last ones, that are handed on.
        blocks: what stages consist of, see :class:`BlockOptions`.
        norm_cfg: of the convolutions.
        published: quirks, see :class:`voxelkp.published.VoxelKPPublished`.

    Raises:
        ConfigError: if the lengths of ``channels``, ``stages`` and ``kernels`` differ, or a
            kind is unknown.

    Source: VoxelKP (ICCV 2025), section 3; released backbone.
    """

    published_set = VoxelKPPublished
    argument_objects = dict(blocks=BlockOptions)

    def __init__(
            self,
            in_channels: int,
            sparse_shape: Sequence[int],
            channels: Sequence[int] = (32, 64, 128, 256, 256, 256),
            stages: Sequence[str] = ('residual', 'residual', 'selective', 'selective',
                                     'attentive', 'attentive'),
            kernels: Sequence[int] = (5, 5, 3, 3, 3),
            num_levels: int = 3,
            blocks: dict | BlockOptions | None = None,
            norm_cfg: dict | None = None,
            published: dict | VoxelKPPublished | None = None,
    ) -> None:
        super().__init__()
        _check(channels, stages, kernels, num_levels)
        norm_cfg = norm_cfg or NORM
        self.sparse_shape = [int(cells) for cells in sparse_shape]
        self.num_levels = num_levels
        self.conv_input = make_sparse_convmodule(
            in_channels, channels[0], 3, 'stage1_3', padding=1, norm_cfg=norm_cfg)
        options = argument_object(self, 'blocks', blocks)
        attention = dict(num_heads=options.num_heads, window=options.window,
                         published_batch_anchor=VoxelKPPublished.of(published).batch_anchor)
        self.stages = nn.ModuleList()
        for number, (kind, width) in enumerate(zip(stages, channels, strict=True), start=1):
            down = None
            if number > 1:
                kernel = kernels[number - 2]
                down = make_sparse_convmodule(
                    channels[number - 2], width, kernel, f'down{number}', stride=2,
                    padding=kernel // 2, conv_type='SparseConv3d', norm_cfg=norm_cfg)
            block = SelectiveKernelBlock if kind != 'residual' and options.selective_kernel \
                else SparseResidualBlock
            parts = [block(width, norm_cfg, f'stage{number}') for _ in range(2)]
            if kind == 'attentive' and options.box_attention:
                parts = [part for each in parts
                         for part in (each, SparseBoxAttention(width, **attention))]
            branch = PointBranch(width) if kind != 'residual' and options.point_branch else None
            self.stages.append(HybridStage(down, parts, branch))

    def forward(self, features: Tensor, coordinates: Tensor,
                batch_size: int) -> list[SparseConvTensor]:
        """Encode voxels.

        Args:
            features: [N, C].
            coordinates: [N, 4] integers (frame, z, y, x).

        Returns:
            the outputs of the last ``levels`` stages, finest first.
        """
        voxels = SparseConvTensor(
            at_least_float32(features), coordinates.int(), self.sparse_shape, batch_size)
        # Positions in meters reach 75 and are told apart by centimeters: not in half precision.
        with full_precision(features):
            voxels = self.conv_input(voxels)
        outputs = []
        for stage in self.stages:
            voxels = stage(voxels)
            outputs.append(voxels)
        return outputs[-self.num_levels:]


class HybridStage(nn.Module):
    """Down-sampling, then voxel blocks and a point branch side by side, added."""

    def __init__(self, down: nn.Module | None, blocks: list[nn.Module],
                 point_branch: PointBranch | None) -> None:
        super().__init__()
        self.down = down
        self.blocks = nn.ModuleList(blocks)
        self.point_branch = point_branch

    def forward(self, voxels: SparseConvTensor) -> SparseConvTensor:
        """The stage's output, on half as many cells along each axis if it down-samples."""
        if self.down is not None:
            voxels = self.down(voxels)
        result = voxels
        for block in self.blocks:
            result = block(result)
        if self.point_branch is None:
            return result
        return result.replace_feature(result.features + self.point_branch(voxels).features)


def _check(channels: Sequence[int], stages: Sequence[str], kernels: Sequence[int],
           levels: int) -> None:
    if not len(channels) == len(stages) == len(kernels) + 1:
        raise ConfigError(f'{len(stages)} stages need as many channels, not {len(channels)}, and '
                          f'{len(stages) - 1} kernels, not {len(kernels)}')
    unknown = sorted(set(stages) - set(KINDS))
    if unknown:
        raise ConfigError(f'there is no stage {unknown[0]!r}; there are {", ".join(KINDS)}')
    if not 1 <= levels <= len(stages):
        raise ConfigError(f'levels is {levels}; {len(stages)} stages hand on 1 to {len(stages)}')
