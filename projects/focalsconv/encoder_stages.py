"""The stages of the encoder, built of mmdet3d's sparse blocks under mmdet3d's names."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mmdet3d.models.layers import SparseBasicBlock, make_sparse_convmodule
from spconv.pytorch import SparseSequential
from torch import nn

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)


@dataclass
class StagePlan:
    """Stages under construction."""

    layers: SparseSequential = field(default_factory=SparseSequential)
    widths: list[int] = field(default_factory=list)           # where a focal layer may stand
    focal_positions: list[int] = field(default_factory=list)  # layers before it
    paddings: list = field(default_factory=lambda: [1])       # of the down-sampling into a stage

    def add(self, layers: list[nn.Module], width: int, focal_position: int) -> None:
        self.layers.add_module(f'encoder_layer{len(self.widths) + 1}', SparseSequential(*layers))
        self.widths.append(width)
        self.focal_positions.append(focal_position)

    def focal_stages(self) -> list[int]:
        """Stages whose indices count whole voxels from the range's lower corner."""
        shifted = [padding not in (1, (1, 1, 1), [1, 1, 1]) for padding in self.paddings]
        end = shifted.index(True) if any(shifted) else len(self.widths)
        return list(range(1, end + 1))


def _downsample(in_channels: int, out_channels: int, padding: int | Sequence[int],
                norm_cfg: dict, key: str) -> nn.Module:
    return make_sparse_convmodule(in_channels, out_channels, 3, norm_cfg=norm_cfg, stride=2,
                                  padding=padding, indice_key=key, conv_type='SparseConv3d')


def plain_stages(in_channels: int, channels: Sequence, paddings: Sequence,
                  norm_cfg: dict) -> StagePlan:
    """Stages of convolutions, each but the first opened by a down-sampling one."""
    plan = StagePlan()
    for number, (blocks, pads) in enumerate(zip(channels, paddings, strict=True), start=1):
        layers = []
        for index, (width, padding) in enumerate(zip(blocks, pads, strict=True)):
            if number > 1 and index == 0:
                layers.append(_downsample(in_channels, width, padding, norm_cfg, f'spconv{number}'))
                plan.paddings.append(padding)
            else:
                layers.append(make_sparse_convmodule(
                    in_channels, width, 3, norm_cfg=norm_cfg, padding=padding,
                    indice_key=f'subm{number}', conv_type='SubMConv3d'))
            in_channels = width
        plan.add(layers, in_channels, len(layers))
    return plan


def residual_stages(in_channels: int, channels: Sequence, paddings: Sequence,
                     norm_cfg: dict) -> StagePlan:
    """Stages of residual blocks, each but the last closed by a down-sampling convolution."""
    plan = StagePlan()
    for number, (blocks, pads) in enumerate(zip(channels, paddings, strict=True), start=1):
        residual = len(blocks) - (number < len(channels))
        layers = [SparseBasicBlock(width, width, norm_cfg=norm_cfg, indice_key=f'subm{number}',
                                   conv_cfg=dict(type='SubMConv3d'))
                  for width in blocks[:residual]]
        width = in_channels
        if residual < len(blocks):
            layers.append(_downsample(width, blocks[-1], pads[-1], norm_cfg, f'spconv{number + 1}'))
            plan.paddings.append(pads[-1])
            in_channels = blocks[-1]
        plan.add(layers, width, residual)
    return plan
