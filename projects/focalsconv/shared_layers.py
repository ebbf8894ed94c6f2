"""Stacks of fully connected layers that both second stages are made of."""
from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from sparse3d.ops.voxel_batch_norm import VoxelBatchNorm1d


def connected(widths: Sequence[int], dropout: float = 0.0) -> nn.Sequential:
    """Linear layers with batch normalization and ReLU; dropout between them if there is any."""
    layers: list[nn.Module] = []
    for number, (before, after) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        if number and dropout:
            layers.append(nn.Dropout(dropout))
        layers += [nn.Linear(before, after, bias=False), VoxelBatchNorm1d(after), nn.ReLU()]
    return nn.Sequential(*layers)


def on_rows(layers: nn.Module, values: Tensor) -> Tensor:
    """Apply layers made for [N, C] to [..., C]; no rows pass through unnormalized shapes."""
    return layers(values.flatten(0, -2)).unflatten(0, values.shape[:-1])
