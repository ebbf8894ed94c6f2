"""Masked pre-training of a LiDAR encoder: hidden columns are to be told from what is around."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from mmdet3d.registry import MODELS
from mmengine.dist import get_rank
from mmengine.model import BaseModel
from torch import Tensor, nn

from sparse3d.argument_objects import argument_object
from sparse3d.errors import ConfigError
from sparse3d.models.detectors.voxel_backbone import VoxelBackbone
from sparse3d.pretraining.bev_maps import bev_map
from sparse3d.pretraining.chamfer import chamfer_loss
from sparse3d.pretraining.column_masks import ColumnGrid, ColumnMask, draw_column_mask
from sparse3d.pretraining.column_targets import column_density, column_points
from sparse3d.pretraining.masked_inputs import (
    OccupiedVoxels,
    occupied_voxels,
    token_points,
    with_tokens,
    without_hidden,
)
from sparse3d.published import hand_down

MODES = ('token', 'removed')


@dataclass(frozen=True)
class MaskingOptions:
    """How columns are hidden, and what is asked of them.

    Attributes:
        mode: ``'token'``: voxels stay and show a learned token, so that convolutions see the voxel
            set of fine-tuning, and where hidden voxels lie; ``'removed'``: they are left out.
        ratio: share of the occupied columns that is hidden.
        predicted_points: number of points that a column is told by.
        true_points: number of points that it is held against, at most.
        density_weight: of the second loss.
        published_token: the token stands for x, y, z of a hidden voxel too.
        published_batch_share: ``ratio`` holds over a batch, not for each sample.
        published_height: heights of points count from the sensor.
    """

    mode: str = 'token'
    ratio: float = 0.7
    predicted_points: int = 20
    true_points: int = 30
    density_weight: float = 1.0
    published_token: bool = False
    published_batch_share: bool = False
    published_height: bool = False


class ColumnDecoder(nn.Module):
    """Points and density of each column from the BEV map: one 3x3 and two 1x1 convolutions.

    Source: BEV-MAE (AAAI 2024), section 3.3.
    """

    def __init__(self, in_channels: int, points: int, channels: int = 256) -> None:
        super().__init__()
        self.shared = nn.Sequential(nn.Conv2d(in_channels, channels, 3, padding=1),
                                    nn.BatchNorm2d(channels), nn.ReLU())
        self.points = nn.Conv2d(channels, 3 * points, 1)
        self.density = nn.Conv2d(channels, 1, 1)

    def forward(
            self,
            bev: Tensor,    # [B, C, H, W]
            cells: Tensor,  # [M, 3] int64  sample, y, x
    ) -> tuple[Tensor, Tensor]:  # [M, P, 3], [M]
        """Predictions for the columns asked for."""
        features = self.shared(bev)
        sample, y, x = cells.unbind(1)
        points = self.points(features)[sample, :, y, x].unflatten(1, (3, -1)).transpose(1, 2)
        return points, self.density(features)[sample, 0, y, x]


@MODELS.register_module()
class MaskedVoxelPretraining(BaseModel):
    """Learn a voxel encoder and a middle encoder from clouds without labels.

    Columns of the encoder's BEV cells are hidden at random over the whole height; a light decoder
    tells the points and the number of points of each hidden one from the map. Parts have the names
    that they have in detectors, so that these load them by name
    (:mod:`sparse3d.pretraining.encoder_files`).

    Args:
        voxel_encoder: config, as in a detector.
        middle_encoder: config, as in a detector.
        columns: fields of :class:`~sparse3d.pretraining.column_masks.ColumnGrid`.
        bev_channels: of the map.
        point_channels: columns of a point.
        masking: fields of :class:`MaskingOptions`.
        published: published quirks of the parts, see :mod:`sparse3d.published`.
        data_preprocessor: config of the preprocessor that makes the voxels.

    Raises:
        ConfigError: for an unknown mode.

    Source: BEV-MAE (AAAI 2024, arXiv 2212.05758); ``'removed'`` after SparK (arXiv 2301.03580).
    """

    argument_objects = dict(masking=MaskingOptions)

    def __init__(self, voxel_encoder: dict, middle_encoder: dict, columns: dict,
                 bev_channels: int, point_channels: int,
                 masking: dict | MaskingOptions | None = None, published: dict | None = None,
                 data_preprocessor: dict | None = None) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.masking = argument_object(self, 'masking', masking)
        if self.masking.mode not in MODES:
            raise ConfigError(f'masking.mode is {self.masking.mode!r}; use {" or ".join(MODES)}')
        voxel_encoder, middle_encoder = hand_down(
            published, voxel_encoder=voxel_encoder, middle_encoder=middle_encoder)
        VoxelBackbone.build(self, voxel_encoder, middle_encoder)
        del self.backbone, self.neck
        self.grid = ColumnGrid(**columns)
        if self.masking.mode == 'token':
            width = point_channels - (0 if self.masking.published_token else 3)
            self.point_token = nn.Parameter(torch.zeros(width))
        self.decoder = ColumnDecoder(bev_channels, self.masking.predicted_points)

    def forward(self, inputs: dict, data_samples: Any = None,
                mode: str = 'tensor') -> dict[str, Tensor] | Tensor:
        """Losses, or with ``mode='tensor'`` the map of a cloud that is masked.

        Raises:
            ConfigError: for ``mode='predict'``: there is nothing to detect.
        """
        if mode == 'predict':
            raise ConfigError('a pre-training detects nothing; train a detector with '
                              'pretrained_encoder=FILE and test that')
        if mode == 'loss':
            return self.loss(inputs)
        occupied, mask, _ = self.draw(inputs)
        return self.masked_map(inputs, occupied, mask)

    def loss(self, inputs: dict) -> dict[str, Tensor]:
        """``loss_points`` (Chamfer, in columns) and ``loss_density`` of the hidden columns.

        Args:
            inputs: ``points`` (list of [N, C]) and ``voxels``.
        """
        occupied, mask, generator = self.draw(inputs)
        cells = mask.cells[mask.masked]
        points, density = self.decoder(self.masked_map(inputs, occupied, mask), cells)
        targets = column_points(inputs['points'], cells, self.grid, self.masking.true_points,
                                generator, self.masking.published_height)
        true_density = column_density(mask, occupied.counts)[mask.masked]
        loss_density = F.smooth_l1_loss(density.float(), true_density) if len(cells) \
            else density.sum() * 0
        return dict(loss_points=chamfer_loss(points, *targets),
                    loss_density=self.masking.density_weight * loss_density)

    def draw(self, inputs: dict) -> tuple[OccupiedVoxels, ColumnMask, torch.Generator]:
        """The voxels, what is hidden of them, and the generator for further draws.

        One number is drawn from PyTorch's generator, so that a resumed training draws the same;
        each process draws masks of its own.
        """
        occupied = occupied_voxels(inputs['voxels'], self.grid,
                                   getattr(self.voxel_encoder, 'all_heights', False))
        seed = int(torch.randint(1 << 62, ())) + get_rank()
        generator = torch.Generator().manual_seed(seed)
        columns = self.grid.columns_of(occupied.coordinates)
        mask = draw_column_mask(columns, self.grid.shape, self.masking.ratio, generator,
                                self.masking.published_batch_share)
        return occupied, mask, generator

    def masked_map(self, inputs: dict, occupied: OccupiedVoxels, mask: ColumnMask) -> Tensor:
        """The BEV map [B, C, H, W] of the voxels with some columns hidden."""
        masked = mask.masked[mask.cell_of_voxel]
        if self.masking.mode == 'removed':
            voxels = without_hidden(inputs['voxels'], occupied, masked)
        else:
            rows = token_points(occupied.coordinates[masked], self.point_token, self.grid,
                                self.masking.published_token)
            voxels = with_tokens(inputs['voxels'], occupied, masked, rows)
        encoded, _ = VoxelBackbone.of(self).encode(voxels, len(inputs['points']))
        return bev_map(encoded)
