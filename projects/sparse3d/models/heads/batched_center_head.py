"""mmdet3d's center head, whose targets are made for all objects of a batch at once."""
from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import torch
from mmdet3d.models.dense_heads import CenterHead
from mmengine.structures import InstanceData
from torch import Tensor, nn

from sparse3d.models.center.bev_grid import BEVGrid
from sparse3d.models.center.box_coder import CenterBoxCoder
from sparse3d.models.center.heatmap_loss import SURE, number_of_peaks
from sparse3d.models.center.heatmap_targets import Drawing, heatmaps_of, objects_on_map
from sparse3d.models.layers.precision import at_least_float32
from sparse3d.ops.cells import group_counts, order_of_keys, ranks_in_order
from sparse3d.ops.constants import constant
from sparse3d.structures.box_tensors import at_centers, with_velocities

LAST_LAYER_SPREAD = 0.01
BOX_BRANCHES = ('reg', 'height', 'dim', 'rot', 'vel')


@dataclass(frozen=True)
class MapTargets:
    """Targets of a batch; the objects of all samples and tasks stand in one list.

    Attributes:
        heat: [B, classes of all tasks, H, W].
        index: [n] int64 cell of each object among all samples' cells, row by row.
        labels: [n] int64.
        codes: [n, 8 or 10] x, y within the cell, z of the center, log dx, dy, dz, sin, cos and,
            where the head has a branch for it, the velocity; NaN where it is not known.
    """

    heat: Tensor
    index: Tensor
    labels: Tensor
    codes: Tensor


class BatchedCenterHead(CenterHead):
    """The head of mmdet3d: the same parameters, losses and detections.

    mmdet3d draws object after object, and the host waits for each. Here it waits twice for a
    batch. A velocity that is not known (NaN, or no such columns) does not count.

    mmdet3d keeps the task heads in a plain list, which the initialization passes by, and if it
    did not, its Kaiming weights in the last layers would drown the bias of the heat map: scores
    start high everywhere, and the first epoch is spent on unlearning that. Here the last layers
    start small, the bias counts.

    Source: CenterPoint (CVPR 2021), section 4.1.
    """

    def init_weights(self) -> None:
        """Initialize the parent's parts, then every task head, its outputs near the bias."""
        super().init_weights()
        for head in self.task_heads:
            head.init_weights()
            for branch in head.heads:
                nn.init.normal_(getattr(head, branch)[-1].weight, std=LAST_LAYER_SPREAD)

    def loss_by_feat(self, preds_dicts: tuple[list[dict]],
                     batch_gt_instances_3d: list[InstanceData], *args,
                     **kwargs) -> dict[str, Tensor]:
        """Losses of heat map and box of each task, as in the parent class."""
        tasks = [of_task[0] for of_task in preds_dicts]
        targets = self.map_targets(batch_gt_instances_3d, tasks[0]['heatmap'].device)
        losses, first = {}, 0
        for number, (outputs, count) in enumerate(zip(tasks, self.num_classes, strict=True)):
            heat = targets.heat[:, first:first + count]
            probability = at_least_float32(outputs['heatmap']).sigmoid().clamp(SURE, 1 - SURE)
            losses[f'task{number}.loss_heatmap'] = self.loss_cls(
                probability, heat, avg_factor=number_of_peaks(heat).clamp(min=1))
            own = (targets.labels >= first) & (targets.labels < first + count)
            losses[f'task{number}.loss_bbox'] = self._box_loss(outputs, targets, own)
            first += count
        return losses

    def map_targets(self, instances: list[InstanceData], device: torch.device) -> MapTargets:
        """What the maps of all tasks should be.

        Args:
            instances: ``bboxes_3d``, ``labels_3d`` and perhaps ``velocity_known`` of each sample.
        """
        coder, drawing = self._coder(), self._drawing()
        boxes = [self._boxes(objects, coder.velocity, device) for objects in instances]
        labels = [objects.labels_3d.to(device).long() for objects in instances]
        max_objects = self.train_cfg['max_objs'] * self.train_cfg['dense_reg']
        for sample, of_sample in enumerate(labels):
            if len(of_sample) > max_objects:
                rows = self._first_of_each_task(of_sample, max_objects)
                boxes[sample], labels[sample] = boxes[sample][rows], of_sample[rows]
        count = sum(self.num_classes)
        objects = objects_on_map(boxes, labels, coder.grid, count, drawing)
        codes = coder.encode(objects.boxes, objects.cells)
        if not self.norm_bbox:
            codes = torch.cat([codes[:, :3], objects.boxes[:, 3:6], codes[:, 6:]], dim=1)
        return MapTargets(heatmaps_of(objects, len(boxes), coder.grid, count, drawing),
                          objects.index, objects.labels, codes)

    @staticmethod
    def _boxes(objects: InstanceData, velocity: bool, device: torch.device) -> Tensor:
        """Boxes [n, 7 or 9] with z at the center; samples with and without velocities mix."""
        boxes = objects.bboxes_3d.tensor.to(device)
        if velocity:
            return at_centers(with_velocities(boxes, objects.get('velocity_known')))
        return at_centers(boxes[:, :7])

    def _box_loss(self, outputs: dict[str, Tensor], targets: MapTargets, own: Tensor) -> Tensor:
        """Of one task; objects of others count 0."""
        maps = torch.cat([outputs[name] for name in BOX_BRANCHES if name in outputs], dim=1)
        found = maps.permute(0, 2, 3, 1).flatten(0, 2)[targets.index]
        known = targets.codes.isfinite() & own[:, None]
        weights = known * constant(self.train_cfg['code_weights'][:found.shape[1]], found)
        # A weight of 0 does not do for NaN.
        wanted = torch.where(known, targets.codes, found.detach())
        return self.loss_bbox(found, wanted, weights, avg_factor=own.sum() + 1e-4)

    def _first_of_each_task(self, labels: Tensor, max_objects: int) -> Tensor:
        """Rows of the first objects of each task, class by class."""
        ends = labels.new_tensor(list(accumulate(self.num_classes)))
        order = order_of_keys(labels)
        order = order[labels[order] >= 0]
        task = torch.bucketize(labels[order], ends, right=True)
        place = ranks_in_order(task, group_counts(task, len(self.num_classes)))
        return order[place < max_objects]

    def _coder(self) -> CenterBoxCoder:
        train = self.train_cfg
        stride = train['out_size_factor']
        grid = BEVGrid(tuple(map(float, train['point_cloud_range'][:2])),
                       tuple(float(size) * stride for size in train['voxel_size'][:2]),
                       tuple(int(cells) // stride for cells in train['grid_size'][:2]))
        return CenterBoxCoder(grid, velocity='vel' in self.task_heads[0].heads)

    def _drawing(self) -> Drawing:
        return Drawing(self.train_cfg['gaussian_overlap'], self.train_cfg['min_radius'],
                       truncate=True, dy_first=True)
