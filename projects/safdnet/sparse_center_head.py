"""The sparse center head: objects on the cells of a sparse map."""
from __future__ import annotations

import torch
from mmdet3d.registry import MODELS
from spconv.pytorch import SparseConvTensor, SubMConv2d
from torch import Tensor, nn

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from safdnet.cell_center_head import CellCenterHead
from safdnet.cell_dilation import ringed_map
from safdnet.cell_predictions import CellPredictions
from safdnet.cell_targets import CellTargets, nearest_cell_targets
from safdnet.sparse_encoder_decoder import sparse_unit
from sparse3d.models.center.heatmap_loss import RARE_BIAS
from sparse3d.models.layers.precision import full_precision


class SparseBranch(nn.Module):
    """A convolution, then one matrix per cell."""

    def __init__(self, channels: int, outputs: int, norm_cfg: dict, bias: float = 0.0) -> None:
        super().__init__()
        self.unit = sparse_unit(channels, channels, 3, 'head_3', 2, 'SubMConv', padding=1,
                                norm_cfg=norm_cfg)
        self.output = SubMConv2d(channels, outputs, 1, bias=True)
        for convolution in (self.unit[0], self.output):
            nn.init.kaiming_normal_(convolution.weight)
        nn.init.constant_(self.output.bias, bias)

    def forward(self, cells: SparseConvTensor) -> Tensor:  # [N, outputs]
        return self.output(self.unit(cells)).features


@MODELS.register_module()
class SparseCenterHead(CellCenterHead):
    """Heat and box of each cell of a sparse map and of its neighbors.

    An object belongs to the active cell nearest to its center; the box is counted from there.

    Arguments are those of :class:`~safdnet.cell_center_head.CellCenterHead`.

    Source: SAFDNet (CVPR 2024), sparse detection head; released code.
    """

    def build_branches(self, in_channels: int) -> None:
        norm_cfg = dict(type='VoxelBN1d', eps=1e-3, momentum=self.branch_options.momentum)
        self.task_heads = nn.ModuleList(nn.ModuleDict({
            name: SparseBranch(in_channels, count, norm_cfg,
                               RARE_BIAS if name == 'heatmap' else 0.0)
            for name, count in self.branch_options.outputs(classes).items()})
            for classes in self.num_classes)

    def forward(self, cells: SparseConvTensor) -> CellPredictions:
        """Raw outputs for cells by sample, y, x."""
        if self.branch_options.dilate:
            cells = ringed_map(cells)
        with full_precision(cells.features):  # positions are told apart by centimeters
            tasks = [self.predictions_of({name: branch(cells) for name, branch in head.items()})
                     for head in self.task_heads]
        return CellPredictions(cells.indices, cells.batch_size, tasks)

    def task_targets(self, found: CellPredictions, boxes: list[Tensor], labels: list[Tensor],
                     num_classes: int) -> CellTargets:
        with torch.no_grad():
            return nearest_cell_targets(
                found.coordinates, boxes, labels, self.coder, num_classes, self.target_options,
                self.published.swapped_limits)
