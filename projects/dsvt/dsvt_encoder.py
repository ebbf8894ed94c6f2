"""DSVT: a voxel encoder of set attention alone, for any voxel detector of mmdet3d."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from dsvt.attention_pooling import AttentionPooling, PoolingTable, pooling_table, slot_cells
from dsvt.dsvt_stage import DSVTStage, StageTables
from dsvt.published import DSVTPublished
from dsvt.scatter_to_bev import scatter_to_bev
from dsvt.window_partition import Window
from sparse3d.argument_objects import argument_object
from sparse3d.errors import ConfigError


class EncoderTables(NamedTuple):
    """Everything about the voxels that the network needs, all of it integers."""

    stages: list[StageTables]
    poolings: list[PoolingTable]  # from each stage to the next
    coordinates: Tensor           # [M, 4] int64  sample, z, y, x of the last stage


@dataclass(frozen=True)
class SetOptions:
    """How voxels are parted into windows and sets; triples are in voxels, x, y, z.

    Attributes:
        window_shapes: plain windows of each stage.
        hybrid_factor: shifted windows are larger by this.
        window_shift: of the shifted windows.
        set_size: slots of a set.
    """

    window_shapes: Sequence = ((12, 12, 1),)
    hybrid_factor: Sequence[int] = (2, 2, 1)
    window_shift: Sequence[int] = (6, 6, 0)
    set_size: int = 36


@dataclass(frozen=True)
class AttentionOptions:
    """Attention within a set.

    Attributes:
        num_heads: of the attention.
        feedforward_channels: behind it.
    """

    num_heads: int = 8
    feedforward_channels: int = 384


@MODELS.register_module()
class DSVTEncoder(nn.Module):
    """Dynamic sparse voxel transformer: voxels in, BEV map out.

    Stands where mmdet3d has a middle encoder: ``forward(features, coordinates,
    batch_size)``. All triples are in voxels, x, y, z.

    Args:
        grid_shape: cells of the grid.
        channels: of the voxels, all the way through.
        blocks: number of blocks of each stage.
        pool_strides: what joins between stages; the last stage has one cell in z.
        sets: how voxels are told apart, see :class:`SetOptions`.
        attention: see :class:`AttentionOptions`.
        in_channels: of the features that come in, where they are not ``channels``; a linear
            layer brings them there (for voxel encoders that only take means).
        with_checkpoint: compute blocks again in the backward pass instead of keeping what is
            inside them: less memory in training, more time.
        published: quirks, see :class:`dsvt.published.DSVTPublished`.

    Raises:
        ConfigError: if the stages do not fit together or do not end in one cell in z.

    Source: DSVT (CVPR 2023).
    """

    published_set = DSVTPublished
    argument_objects = dict(sets=SetOptions, attention=AttentionOptions)

    def __init__(
        self,
        grid_shape: Sequence[int],
        channels: int = 192,
        blocks: Sequence[int] = (4,),
        pool_strides: Sequence = (),
        sets: dict | SetOptions | None = None,
        attention: dict | AttentionOptions | None = None,
        in_channels: int | None = None,
        with_checkpoint: bool = False,
        published: dict | DSVTPublished | None = None,
    ) -> None:
        super().__init__()
        self.input = (nn.Identity() if in_channels in (None, channels)
                      else nn.Linear(in_channels, channels))
        sets = argument_object(self, 'sets', sets)
        attention = argument_object(self, 'attention', attention)
        self.grids = _grids(grid_shape, blocks, sets.window_shapes, pool_strides)
        self.strides = [tuple(stride) for stride in pool_strides]
        published = DSVTPublished.of(published)
        of_layers = (channels, attention.num_heads, attention.feedforward_channels, sets.set_size,
                     published.embedding_order, with_checkpoint)
        self.stages = nn.ModuleList(
            DSVTStage(_windows(shape, sets.hybrid_factor, sets.window_shift, grid), count,
                      sum(blocks[:stage]), *of_layers)
            for stage, (shape, grid, count)
            in enumerate(zip(sets.window_shapes, self.grids, blocks, strict=True)))
        self.poolings = nn.ModuleList(
            AttentionPooling(channels, x * y * z, attention.num_heads, published.empty_slots)
            for x, y, z in self.strides)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, features: Tensor, coordinates: Tensor, batch_size: int) -> Tensor:
        """Encode voxels and lay them out as a map.

        Args:
            features: [N, C].
            coordinates: [N, 4], sample, z, y, x, integers, in any order.
            batch_size: number of samples; any of them may have no voxel.

        Returns:
            [B, C, y, x], zero where there is no voxel.

        Raises:
            ConfigError: if a voxel lies outside ``grid_shape``.
        """
        tables = self.tables(coordinates)
        features = self.encode_voxels(self.input(features), tables)
        return scatter_to_bev(features, tables.coordinates, batch_size, self.grids[-1])

    @torch.no_grad()
    def tables(self, coordinates: Tensor) -> EncoderTables:
        """Partition the voxels of every stage."""
        self._check(coordinates)
        coordinates, stages, poolings = coordinates.long(), [], []
        for index, stage in enumerate(self.stages):
            stages.append(stage.tables(coordinates))
            if index < len(self.strides):
                table = pooling_table(coordinates, self.strides[index], self.grids[index + 1])
                poolings.append(table)
                coordinates = table.coordinates
        return EncoderTables(stages, poolings, coordinates)

    def encode_voxels(self, features: Tensor, tables: EncoderTables) -> Tensor:
        """[N, C] -> [M, C], the features of ``tables.coordinates``."""
        for index, stage in enumerate(self.stages):
            features = stage(features, tables.stages[index])
            if index < len(self.poolings):
                cell, filled = slot_cells(tables.poolings[index])
                features = self.poolings[index](features, cell, filled)
        return features

    def _check(self, coordinates: Tensor) -> None:
        if len(coordinates) == 0:
            return
        last = coordinates[:, [3, 2, 1]].amax(0).tolist()
        if any(cell >= extent for cell, extent in zip(last, self.grids[0], strict=True)):
            raise ConfigError(
                f'a voxel lies at x, y, z = {last}, outside the grid of {list(self.grids[0])}: '
                'grid_shape of DSVTEncoder has to be the range divided by the voxel size')


def _windows(shape: Sequence[int], factor: Sequence[int], shift: Sequence[int],
             grid: tuple[int, int, int]) -> tuple[Window, Window]:
    larger = tuple(size * times for size, times in zip(shape, factor, strict=True))
    return Window(tuple(shape), (0, 0, 0), grid), Window(larger, tuple(shift), grid)


def _grids(grid_shape: Sequence[int], blocks: Sequence[int], window_shapes: Sequence,
           pool_strides: Sequence) -> list[tuple[int, int, int]]:
    """Grid of each stage."""
    if not len(blocks) == len(window_shapes) == len(pool_strides) + 1:
        raise ConfigError(
            f'DSVTEncoder has {len(blocks)} stages in blocks, {len(window_shapes)} in '
            f'window_shapes, and {len(pool_strides)} pool_strides, which should be one less')
    grids = [tuple(grid_shape)]
    for stride in pool_strides:
        grids.append(tuple(ceil(size / step) for size, step in zip(grids[-1], stride, strict=True)))
    if grids[-1][2] != 1:
        raise ConfigError(
            f'pool_strides {[list(stride) for stride in pool_strides]} leave {grids[-1][2]} cells '
            f'in z of a grid of {list(grid_shape)}; a BEV map needs exactly one')
    return grids
