"""A stage of the encoder: blocks between two poolings, on one set of voxels."""
from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from dsvt.dsvt_block import DSVTBlock
from dsvt.position_embedding import PositionEmbedding
from dsvt.rotated_sets import RotatedSets, rotated_sets
from dsvt.window_partition import Window, partition_windows, position_in_window

PLAIN, SHIFTED = 0, 1  # the two window configurations


class WindowPositions(NamedTuple):
    """Where voxels stand in their windows."""

    inside: Tensor  # [N, 3] int64  z, y, x
    position: Tensor  # [N] int64     the same as one number, x, y, z order


class StageTables(NamedTuple):
    """What the blocks of a stage need to know about the voxels, for each window configuration.

    A configuration that no block uses has None.
    """

    sets: tuple[RotatedSets | None, RotatedSets | None]
    positions: tuple[WindowPositions | None, WindowPositions | None]


class DSVTStage(nn.Module):
    """Blocks with alternating windows, each with a residual and a norm around it.

    Args:
        windows: plain and shifted windows of the stage.
        blocks: how many.
        first_block: number of blocks in the stages before; even blocks have plain windows.
        channels, num_heads, feedforward_channels: of the attention.
        set_size: slots of a set.
        published_embedding_order: as in the released code layer i of every block embeds the
            places in windows of configuration i; without, those in the block's own windows.
        with_checkpoint: compute a block again in the backward pass instead of keeping it.
    """

    def __init__(self, windows: tuple[Window, Window], blocks: int, first_block: int,
                 channels: int, num_heads: int, feedforward_channels: int, set_size: int,
                 published_embedding_order: bool = False,
                 with_checkpoint: bool = False) -> None:
        super().__init__()
        self.windows, self.set_size = windows, set_size
        self.with_checkpoint = with_checkpoint
        self.configurations = [(first_block + block) % 2 for block in range(blocks)]
        self.embedded = [(PLAIN, SHIFTED) if published_embedding_order else (own, own)
                         for own in self.configurations]
        self.blocks = nn.ModuleList(
            DSVTBlock(channels, num_heads, feedforward_channels) for _ in range(blocks))
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(blocks))
        self.embeddings = nn.ModuleList(
            nn.ModuleList(PositionEmbedding(windows[configuration], channels)
                          for configuration in of_layers) for of_layers in self.embedded)

    @torch.no_grad()
    def tables(self, coordinates: Tensor) -> StageTables:
        """Partition voxels [N, 4] (sample, z, y, x); only what the blocks use."""
        sets = tuple(rotated_sets(coordinates, window, self.set_size)
                     if configuration in self.configurations else None
                     for configuration, window in enumerate(self.windows))
        wanted = {configuration for of_layers in self.embedded for configuration in of_layers}
        positions = tuple(self._positions(coordinates, window, sets[configuration])
                          if configuration in wanted else None
                          for configuration, window in enumerate(self.windows))
        return StageTables(sets, positions)

    def forward(self, features: Tensor, tables: StageTables) -> Tensor:
        """[N, C] -> [N, C]."""
        for block in range(len(self.blocks)):
            if self.with_checkpoint and self.training:
                features = checkpoint(self._block, block, features, tables, use_reentrant=False)
            else:
                features = self._block(block, features, tables)
        return features

    def _block(self, block: int, features: Tensor, tables: StageTables) -> Tensor:
        positions = tuple(embedding(*tables.positions[configuration]) for embedding, configuration
                          in zip(self.embeddings[block], self.embedded[block], strict=True))
        sets = tables.sets[self.configurations[block]]
        return self.norms[block](self.blocks[block](features, positions, sets) + features)

    @staticmethod
    def _positions(
        coordinates: Tensor, window: Window, sets: RotatedSets | None
    ) -> WindowPositions:
        if sets is not None:
            return WindowPositions(sets.inside, sets.position)
        inside = partition_windows(coordinates, window)[1]
        return WindowPositions(inside, position_in_window(inside, window.shape, 'x'))
