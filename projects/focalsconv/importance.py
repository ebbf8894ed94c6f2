"""Cubic importance: how much each voxel, and each neighbor of it, matters."""
from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import torch
from mmcv.cnn import build_norm_layer
from spconv.pytorch import SparseConvTensor, SparseSequential, SubMConv3d
from torch import Tensor, nn


@dataclass(frozen=True)
class Importance:
    """Predicted importance at the voxels that enter one focal layer."""

    logits: Tensor       # [N, K] float32: K-1 neighbors as in neighbor_offsets, then the voxel
    coordinates: Tensor  # [N, 4] int32 (sample, z, y, x), in cells of the layer's own grid
    batch_size: int

    @property
    def voxel_scores(self) -> Tensor:
        """Probability in [0, 1] that the voxel itself lies on an object, [N] float32."""
        return self.logits[:, -1].sigmoid()

    @property
    def neighbor_scores(self) -> Tensor:
        """Probability in [0, 1] that each neighbor position is worth a feature, [N, K-1]."""
        return self.logits[:, :-1].sigmoid()


def neighbor_offsets(kernel_size: int, device: torch.device | str = 'cpu') -> Tensor:
    """Steps (dz, dy, dx) to the neighbors in a kernel, dz outermost, center left out.

    Returns:
        [kernel_size ** 3 - 1, 3] int32.
    """
    reach = range(-(kernel_size // 2), kernel_size // 2 + 1)
    steps = [step for step in product(reach, repeat=3) if any(step)]
    return torch.tensor(steps, dtype=torch.int32, device=device)


class ImportancePredictor(nn.Module):
    """Submanifold convolution from voxel features to importance logits.

    Args:
        in_channels: channels of the voxel features, with those of an image if any are joined.
        kernel_size: kernel of the focal convolution; its cube is the number of logits.
        enlarge_channels: width of a submanifold convolution put in front, 0 for none.
        norm_cfg: normalization of that convolution.
        indice_key: name under which the table of 3 x 3 x 3 neighbors is kept.

    Source: Focals Conv (CVPR 2022), section 3.2, cubic importance prediction.
    """

    def __init__(self, in_channels: int, kernel_size: int, enlarge_channels: int,
                 norm_cfg: dict, indice_key: str) -> None:
        super().__init__()
        self.enlarge = None
        if enlarge_channels:
            self.enlarge = SparseSequential(
                SubMConv3d(in_channels, enlarge_channels, 3, bias=False, indice_key=indice_key),
                build_norm_layer(norm_cfg, enlarge_channels)[1],
                nn.ReLU(inplace=True))
        # The predictor looks at 3 x 3 x 3 voxels whatever the kernel it predicts for.
        self.importance = SubMConv3d(enlarge_channels or in_channels, kernel_size ** 3, 3,
                                     bias=False, indice_key=indice_key)

    def forward(self, voxels: SparseConvTensor) -> Importance:
        """Predict the importance of every voxel of ``voxels``, in float32."""
        if self.enlarge is not None:
            voxels = self.enlarge(voxels)
        # Decisions hang on these numbers: low precision would flip them from run to run.
        with torch.autocast(voxels.features.device.type, enabled=False):
            logits = self.importance(voxels.replace_feature(voxels.features.float())).features
        return Importance(logits.float(), voxels.indices, voxels.batch_size)
