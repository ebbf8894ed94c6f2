"""The residual block of sparse voxels; with biases and other names it is mmdet3d's own."""
from __future__ import annotations

from mmdet3d.models.layers import make_sparse_convmodule
from spconv.pytorch import SparseConvTensor, SparseSequential
from torch import nn

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)


class SparseResidualBlock(nn.Module):
    """Two submanifold convolutions, and the input added; ``SubMConv2d`` on a sparse map."""

    def __init__(self, channels: int, norm_cfg: dict, indice_key: str,
                 conv_type: str = 'SubMConv3d') -> None:
        super().__init__()
        self.first, self.second = residual_halves(channels, norm_cfg, indice_key, conv_type)

    def forward(self, voxels: SparseConvTensor) -> SparseConvTensor:
        """New features on the same voxels."""
        return add_and_rectify(self.second(self.first(voxels)), voxels)


def residual_halves(channels: int, norm_cfg: dict, indice_key: str, conv_type: str = 'SubMConv3d',
                    ) -> tuple[SparseSequential, SparseSequential]:
    """Convolution, norm, ReLU; and convolution, norm.

    Without biases: the norms behind them would take them away again.
    """
    orders = ('conv', 'norm', 'act'), ('conv', 'norm')
    return tuple(make_sparse_convmodule(channels, channels, 3, f'{indice_key}_3', padding=1,
                                        conv_type=conv_type, norm_cfg=norm_cfg, order=order)
                 for order in orders)


def add_and_rectify(voxels: SparseConvTensor, shortcut: SparseConvTensor) -> SparseConvTensor:
    """ReLU of the sum of two tensors on the same voxels."""
    return voxels.replace_feature((voxels.features + shortcut.features).relu())
