"""Batch normalization over voxels that also takes a batch of one voxel."""
from __future__ import annotations

import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module('VoxelBN1d')
class VoxelBatchNorm1d(nn.BatchNorm1d):
    """``BN1d`` that falls back to the running statistics where a batch has no variance.

    ``nn.BatchNorm1d`` refuses to train on a single row; an almost empty cloud is no reason
    to stop. Parameters and buffers have the names of ``nn.BatchNorm1d``.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Normalize [N, C] or [N, C, L]; statistics over N and L if training has two or more."""
        values = features.numel() // max(features.shape[1], 1)  # of a channel
        if values > 1 or not self.training or self.running_mean is None:
            return super().forward(features)
        return F.batch_norm(features, self.running_mean, self.running_var, self.weight, self.bias,
                            training=False, eps=self.eps)
