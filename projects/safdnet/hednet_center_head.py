"""HEDNet's center head: several tasks on a dense map."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from safdnet.cell_center_head import CellCenterHead
from safdnet.cell_predictions import CellPredictions
from safdnet.cell_targets import CellTargets
from sparse3d.models.center.bev_grid import BEVGrid
from sparse3d.models.center.heatmap_loss import RARE_BIAS
from sparse3d.models.center.heatmap_targets import Drawing, heatmaps_of, objects_on_map


@MODELS.register_module()
class HEDNetCenterHead(CellCenterHead):
    """Heat and box of each cell of a dense map, for several tasks.

    Arguments are those of :class:`~safdnet.cell_center_head.CellCenterHead`.

    Source: CenterPoint (CVPR 2021), as in the released configs of HEDNet (NeurIPS 2023).
    """

    def build_branches(self, in_channels: int) -> None:
        channels, momentum = self.branch_options.channels, self.branch_options.momentum
        self.shared_conv = nn.Sequential(*_convolution(in_channels, channels, momentum))
        self.task_heads = nn.ModuleList(nn.ModuleDict({
            name: nn.Sequential(*_convolution(channels, channels, momentum),
                                nn.Conv2d(channels, count, 3, padding=1))
            for name, count in self.branch_options.outputs(classes).items()})
            for classes in self.num_classes)
        for head in self.task_heads:
            for name, branch in head.items():
                for layer in (branch[0], branch[3]):
                    nn.init.kaiming_normal_(layer.weight)
                nn.init.constant_(branch[3].bias, RARE_BIAS if name == 'heatmap' else 0.0)

    def forward(self, features: Sequence[Tensor]) -> CellPredictions:
        """Raw outputs for all cells of the only map [B, C, H, W] of a list, row by row."""
        shared = self.shared_conv(features[0])
        tasks = [self.predictions_of({
            name: branch(shared).permute(0, 2, 3, 1).flatten(0, 2)
            for name, branch in head.items()}) for head in self.task_heads]
        samples, _, height, width = shared.shape
        coordinates = torch.cartesian_prod(*(torch.arange(extent, device=shared.device)
                                             for extent in (samples, height, width)))
        return CellPredictions(coordinates, samples, tasks)

    def task_targets(self, found: CellPredictions, boxes: list[Tensor], labels: list[Tensor],
                     num_classes: int) -> CellTargets:
        """An object belongs to its center's cell; centers beyond the map count as on its edge."""
        options, grid = self.target_options, self.coder.grid
        objects = objects_on_map(
            [_on_map(own, grid) for own in boxes], labels, grid, num_classes,
            Drawing(options.gaussian_overlap, options.min_radius), options.max_objects)
        heat = heatmaps_of(objects, len(boxes), grid, num_classes,
                           Drawing(options.gaussian_overlap, options.min_radius))
        return CellTargets(heat.permute(0, 2, 3, 1).flatten(0, 2), objects.index,
                           self.coder.encode(objects.boxes, objects.cells), objects.boxes)


def _on_map(boxes: Tensor, grid: BEVGrid) -> Tensor:
    """Boxes [n, >= 7] whose centers beyond the map are moved to its edge."""
    cells = grid.to_cells(boxes[:, :2])
    moved = grid.to_meters(grid.clamped(cells))
    inside = (cells == grid.clamped(cells)).all(1, keepdim=True)
    return torch.cat([torch.where(inside, boxes[:, :2], moved), boxes[:, 2:]], dim=1)


def _convolution(in_channels: int, channels: int, momentum: float) -> list[nn.Module]:
    return [nn.Conv2d(in_channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels, eps=1e-3, momentum=momentum), nn.ReLU()]
