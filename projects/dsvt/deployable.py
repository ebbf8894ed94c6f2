"""The parts of DSVT that an inference engine runs: points and tables of integers in, maps out."""
from __future__ import annotations

import copy
from collections import OrderedDict

import torch
from torch import Tensor, nn

from dsvt.attention_pooling import slot_cells
from dsvt.dsvt_stage import DSVTStage, StageTables, WindowPositions
from dsvt.iou_center_head import IoUCenterHead
from dsvt.position_embedding import PositionEmbedding
from dsvt.rotated_sets import RotatedSets
from dsvt.scatter_to_bev import lay_out, map_cells
from sparse3d.deploy.dense_boxes import boxes_of
from sparse3d.errors import ConfigError
from sparse3d.models.voxel_encoders.dynamic_voxel_encoder import (
    DynamicVoxelEncoder,
    distinct_voxels,
)

WINDOWS = ('plain', 'shifted')


class EmbeddingTable(nn.Module):
    """A position embedding as a constant with one row for each cell of the window."""

    def __init__(self, embedding: PositionEmbedding) -> None:
        super().__init__()
        with torch.no_grad():
            self.register_buffer('rows', embedding.eval().table().clone())

    def forward(self, inside: Tensor | None, position: Tensor) -> Tensor:
        """[N] -> [N, C]."""
        return self.rows.index_select(0, position)


class DeployableVoxelEncoder(nn.Module):
    """The voxel encoder for points whose voxels are known; sorting and counting stay outside.

    Args:
        encoder: of a detector; it is copied and left as it is.
    """

    def __init__(self, encoder: DynamicVoxelEncoder) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder).eval()

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """``features`` [N, C'] of the voxels.

        Args:
            inputs: ``points`` [P, C], ``voxel_of_point`` [P], ``coordinates`` [N, 4] of the
                voxels, sample, z, y, x; each voxel has a point.
        """
        points, number = inputs['points'], inputs['voxel_of_point']
        coordinates = inputs['coordinates']
        ones = torch.ones_like(points[:, :1])
        together = torch.cat([points[:, :3], ones], dim=1)
        sums = together.new_zeros(coordinates.shape[0], 4).scatter_add(
            0, number[:, None].expand(-1, 4), together)
        mean = (sums[:, :3] / sums[:, 3:].clamp(min=1)).index_select(0, number)
        described = self.encoder.describe_points(
            points, coordinates.index_select(0, number), mean)
        hidden = self.encoder.pfn_layers[0](described)
        joined = torch.cat([hidden, self._highest(hidden, number, coordinates)
                            .index_select(0, number)], dim=1)
        return {'features': self._highest(self.encoder.pfn_layers[1](joined), number, coordinates)}

    @torch.no_grad()
    def inputs_of(self, points: Tensor, coordinates: Tensor) -> dict[str, Tensor]:
        """Inputs by name from points [P, C] and their voxels [P, 4] (-1 outside the range)."""
        inside = (coordinates >= 0).all(1)
        points, coordinates = points[inside], coordinates[inside]
        voxels, number = distinct_voxels(coordinates, self.encoder.grid)
        return {'points': points, 'voxel_of_point': number, 'coordinates': voxels}

    @staticmethod
    def _highest(values: Tensor, number: Tensor, coordinates: Tensor) -> Tensor:
        """[P, C] -> [N, C]; behind a ReLU nothing is below 0."""
        return values.new_zeros(coordinates.shape[0], values.shape[1]).scatter_reduce(
            0, number[:, None].expand(-1, values.shape[1]), values, 'amax')


class DeployableDSVT(nn.Module):
    """Blocks, pooling, map, 2D backbone and head of a detector, for a fixed batch size.

    Everything that sorts or counts stays outside: :meth:`inputs_of` makes the inputs from
    voxel features and coordinates. What is left are standard operators on tensors whose
    lengths (voxels, sets) may change from call to call.

    Args:
        detector: a ``VoxelDetector`` with a ``DSVTEncoder``; it is copied and left as it is.
            An ``IoUCenterHead`` gives its maps, another head boxes
            (:mod:`sparse3d.deploy.dense_boxes`).
        batch_size: samples that are run together; their voxels stand in one list.

    Raises:
        ConfigError: if the detector has another encoder, or a head without a graph.
    """

    def __init__(self, detector: nn.Module, batch_size: int = 1) -> None:
        super().__init__()
        encoder = getattr(detector, 'middle_encoder', None)
        if not all(hasattr(encoder, name) for name in ('stages', 'poolings', 'grids')):
            raise ConfigError(f'only detectors with a DSVTEncoder can be exported, not with '
                              f'{type(encoder).__name__}')
        self.batch_size = batch_size
        self.encoder = copy.deepcopy(encoder).eval()
        for stage in self.encoder.stages:
            stage.embeddings = nn.ModuleList(
                nn.ModuleList(EmbeddingTable(embedding) for embedding in of_block)
                for of_block in stage.embeddings)
        self.backbone = copy.deepcopy(detector.backbone).eval()
        neck = getattr(detector, 'neck', None)
        self.neck = None if neck is None else copy.deepcopy(neck).eval()
        head = copy.deepcopy(detector.bbox_head).eval()
        self.head = head if isinstance(head, IoUCenterHead) else boxes_of(head)
        self.eval()

    @torch.no_grad()
    def inputs_of(self, features: Tensor, coordinates: Tensor) -> OrderedDict[str, Tensor]:
        """Inputs by name, in the order of ``forward``.

        Args:
            features: [N, C] from the voxel encoder.
            coordinates: [N, 4], sample, z, y, x.
        """
        tables = self.encoder.tables(coordinates)
        inputs = OrderedDict(features=features)
        for index, (stage, of_stage) in enumerate(zip(self.encoder.stages, tables.stages,
                                                      strict=True)):
            for window, name in enumerate(WINDOWS):
                if window in stage.configurations:
                    sets = of_stage.sets[window]
                    inputs[f'voxels_{index}_{name}'] = sets.voxels
                    inputs[f'repeated_{index}_{name}'] = sets.repeated.contiguous()
                    inputs[f'slot_of_voxel_{index}_{name}'] = sets.slot_of_voxel
                if of_stage.positions[window] is not None:
                    inputs[f'position_{index}_{name}'] = of_stage.positions[window].position
            if index < len(tables.poolings):
                cell, filled = slot_cells(tables.poolings[index])
                inputs[f'pool_cell_{index}'], inputs[f'pool_filled_{index}'] = cell, filled
        inputs['map_cell'] = map_cells(tables.coordinates, self.encoder.grids[-1])
        return inputs

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Head maps [B, channels, H, W] by name, or boxes of the one sample."""
        features = self.encoder.input(inputs['features'])
        for index, stage in enumerate(self.encoder.stages):
            features = stage(features, _stage_tables(stage, index, inputs))
            if index < len(self.encoder.poolings):
                features = self.encoder.poolings[index](
                    features, inputs[f'pool_cell_{index}'], inputs[f'pool_filled_{index}'])
        bev = lay_out(features, inputs['map_cell'], self.batch_size, self.encoder.grids[-1])
        maps = self.backbone(bev)
        return self.head(list(self.neck(maps) if self.neck is not None else maps))


def _stage_tables(stage: DSVTStage, index: int, inputs: dict[str, Tensor]) -> StageTables:
    sets, positions = [], []
    for window, name in enumerate(WINDOWS):
        position = inputs.get(f'position_{index}_{name}')
        positions.append(None if position is None else WindowPositions(None, position))
        sets.append(RotatedSets(
            inputs[f'voxels_{index}_{name}'], inputs[f'repeated_{index}_{name}'],
            inputs[f'slot_of_voxel_{index}_{name}'], position, None)
            if window in stage.configurations else None)
    return StageTables(tuple(sets), tuple(positions))
