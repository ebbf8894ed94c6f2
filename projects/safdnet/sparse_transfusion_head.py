"""TransFusion's head on a sparse map: heat where something is, queries that look there."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmdet3d.registry import MODELS
from spconv.pytorch import SparseConvTensor, SparseSequential, SubMConv2d
from torch import Tensor, nn

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from safdnet.cell_dilation import ringed_map
from safdnet.published import SAFDNetPublished
from safdnet.sparse_encoder_decoder import sparse_unit
from sparse3d.errors import ConfigError
from sparse3d.models.center.bev_grid import BEVGrid
from sparse3d.models.center.heatmap_loss import RARE_BIAS
from sparse3d.models.center.heatmap_targets import drawn_radii, objects_on_map
from sparse3d.models.heads.transfusion_box_coder import BoxCoderOptions
from sparse3d.models.heads.transfusion_head import (
    QueryOptions,
    RectifiedDetectionOptions,
    TransFusionHead,
    TransFusionOutput,
)
from sparse3d.models.heads.transfusion_losses import LossOptions, heat_loss
from sparse3d.models.heads.transfusion_targets import DRAWING
from sparse3d.models.layers.precision import full_precision
from sparse3d.ops.cells import max_groups
from sparse3d.ops.gaussian_heatmap import draw_gaussians

NOTHING = -1e6  # logit of cells that are not active
HEAD_NORM = dict(type='VoxelBN1d')


@dataclass
class SparseTransFusionOutput(TransFusionOutput):
    """What the head says about a batch.

    Attributes:
        active: [B, 1, H, W] bool, cells that are there.
    """

    active: Tensor | None = None


@MODELS.register_module()
class SparseTransFusionHead(TransFusionHead):
    """TransFusion's head whose heat map lives on the cells of a sparse map and their neighbors.

    Queries are the heat map's highest peaks; they attend to each other, then to the active cells.

    Args:
        published: quirks, see :class:`safdnet.published.SAFDNetPublished`. The others are those
            of :class:`~sparse3d.models.heads.transfusion_head.TransFusionHead`.

    Raises:
        ConfigError: if ``inverted_mask`` and ``unmasked`` are both on.

    Source: SAFDNet (CVPR 2024), released nuScenes config; TransFusion (CVPR 2022), section 3.
    """

    published_set = SAFDNetPublished

    def __init__(self, in_channels: int, num_classes: int, bbox_coder: dict | BoxCoderOptions,
                 query_initialization: dict | QueryOptions | None = None,
                 decoder_layers: Sequence[dict] = (dict(type='MapDecoderLayer'), ),
                 losses: dict | LossOptions | None = None,
                 detections: dict | RectifiedDetectionOptions | None = None,
                 published: dict | SAFDNetPublished | None = None) -> None:
        super().__init__(in_channels, num_classes, bbox_coder, query_initialization,
                         decoder_layers, losses=losses, detections=detections)
        self.published = SAFDNetPublished.of(published)
        if self.published.inverted_mask and self.published.unmasked:
            raise ConfigError('published.inverted_mask and published.unmasked of '
                              'SparseTransFusionHead are of two releases; give one of them')
        channels = self.queries.channels
        self.shared = SubMConv2d(in_channels, channels, 3, padding=1, indice_key='head_3')
        self.heat = SparseSequential(
            *sparse_unit(channels, channels, 3, 'head_3', 2, 'SubMConv', padding=1,
                         norm_cfg=HEAD_NORM),
            SubMConv2d(channels, num_classes, 1, bias=True))
        nn.init.constant_(self.heat[-1].bias, RARE_BIAS)

    def forward(self, features: SparseConvTensor) -> SparseTransFusionOutput:
        """Run on a sparse map (sample, y, x)."""
        with full_precision(features.features):  # spconv has no bfloat16
            cells = self.shared(ringed_map(features))
            logits = self.heat(cells)
        active = cells.replace_feature(torch.ones_like(cells.features[:, :1])).dense() > 0
        heat = torch.where(active, logits.dense(), NOTHING)
        bev = cells.dense()
        first = self.queries_of(heat, bev)
        valid, lost = self._seen(active.flatten(1))
        queries = first.features.masked_fill(lost[:, None, None], torch.nan)
        queries, positions, layers = self.decoder(queries, first.positions, bev, valid)
        return SparseTransFusionOutput(heat, first.peaks, bev, queries, positions[-2], layers,
                                       active)

    def _seen(self, active: Tensor) -> tuple[Tensor | None, Tensor]:  # [B, H * W] -> the same, [B]
        """Cells that queries attend to, and samples whose attention the release cannot compute.

        In a sample without any such cell queries attend to all of them.
        """
        nowhere = active.new_zeros(len(active))
        if self.published.unmasked:
            return None, nowhere
        valid = ~active if self.published.inverted_mask else active
        none = ~valid.any(1)
        return valid | none[:, None], none if self.published.inverted_mask else nowhere

    def heat_loss_of(self, output: SparseTransFusionOutput,
                     gt: list[tuple[Tensor, Tensor]]) -> Tensor:
        if self.published.unmasked:
            return super().heat_loss_of(output, gt)
        target = active_heat_target(gt, output.active, self.coder.grid, self.num_classes)
        return heat_loss(output.heat, target, output.active.to(target))


def active_heat_target(
        gt: Sequence[tuple[Tensor, Tensor]],  # boxes [n, >= 7] and labels [n] of each sample
        active: Tensor,                       # [B, 1, H, W] bool
        grid: BEVGrid,
        num_classes: int,
) -> Tensor:                                  # [B, classes, H, W]
    """A Gaussian around each object on active cells, scaled to 1 at the highest of them."""
    boxes, labels = [of_sample[:, :7] for of_sample, _ in gt], [names for _, names in gt]
    objects = objects_on_map(boxes, labels, grid, num_classes, DRAWING)
    width, height = grid.shape
    planes = torch.zeros(len(objects.boxes), height, width, device=active.device)
    each = torch.arange(len(planes), device=active.device)
    planes = draw_gaussians(planes, each, objects.cells, drawn_radii(objects.boxes, grid, DRAWING))
    planes = (planes * active[objects.sample, 0]).flatten(1)
    if len(planes):
        highest = planes.amax(1, keepdim=True)
        planes = planes / torch.where(highest > 0, highest, 1)
    heat = max_groups(planes, objects.sample * num_classes + objects.labels,
                      len(gt) * num_classes)
    return heat.view(len(gt), num_classes, height, width)
