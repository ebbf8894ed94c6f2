"""Learned embedding of a voxel's place inside its window."""
from __future__ import annotations

import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from dsvt.window_partition import Window
from sparse3d.models.layers.linear import Linear
from sparse3d.ops import voxel_batch_norm  # noqa: F401  (registers VoxelBN1d)
from sparse3d.ops.constants import constant

BATCH_NORM = dict(type='VoxelBN1d', eps=1e-5, momentum=0.1)


class PositionEmbedding(nn.Module):
    """Linear, batch normalization, ReLU, linear on the place minus half the window.

    In evaluation the embedding depends on nothing but the cell of the window, so it is
    computed once for each cell and read from there wherever that is less work.

    Args:
        window: its shape decides the offsets; one cell in z in the grid means two inputs.
        channels: of the embedding.
    """

    def __init__(self, window: Window, channels: int) -> None:
        super().__init__()
        self.axes = 3 if window.grid[2] > 1 else 2
        self.shape = window.shape
        self.position_embedding_head = nn.Sequential(
            nn.Linear(self.axes, channels), MODELS.build({**BATCH_NORM, 'num_features': channels}),
            nn.ReLU(inplace=True), Linear(channels, channels))

    def forward(self, inside: Tensor, position: Tensor) -> Tensor:
        """Embed N places.

        Args:
            inside: [N, 3] int64, z, y, x inside the window.
            position: [N] int64, the same as one number, see
                :func:`dsvt.window_partition.position_in_window`.

        Returns:
            [N, C].
        """
        cells = self.shape[0] * self.shape[1] * self.shape[2]
        if self.training or len(inside) <= cells:
            return self.embed(inside)
        return self.table().index_select(0, position)

    def embed(self, inside: Tensor) -> Tensor:
        """Embedding of each row of ``inside``, [N, 3] -> [N, C]."""
        inside = inside.to(self.position_embedding_head[0].weight.dtype)
        half = constant([size / 2 for size in self.shape[::-1]], inside)
        offset = (inside - half).flip(1)[:, :self.axes]   # x, y[, z]
        return self.position_embedding_head(offset)

    def table(self) -> Tensor:
        """Embedding of every cell of the window, [cells, C], in the order of the places."""
        x, y, z = self.shape
        device = self.position_embedding_head[0].weight.device
        cells = torch.cartesian_prod(*(torch.arange(size, device=device) for size in (x, y, z)))
        return self.embed(cells.flip(1))
