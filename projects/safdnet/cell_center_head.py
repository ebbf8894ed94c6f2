"""A center head on cells, sparse or all of a map: losses and detections."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmdet3d.structures import Det3DDataSample
from mmengine.structures import InstanceData
from torch import Tensor, nn

from safdnet.cell_predictions import CellPredictions, TaskPredictions, detections
from safdnet.cell_targets import CellTargets
from safdnet.center_options import (
    BOX_OUTPUTS,
    BranchOptions,
    DetectionOptions,
    LossOptions,
    TargetOptions,
)
from safdnet.published import SAFDNetPublished
from sparse3d.argument_objects import argument_object
from sparse3d.models.center.bev_grid import BEVGrid, GridOptions
from sparse3d.models.center.box_coder import CenterBoxCoder
from sparse3d.models.center.heatmap_loss import heatmap_loss
from sparse3d.models.center.predicted_iou import iou_error
from sparse3d.ops.constants import constant
from sparse3d.structures.box_tensors import at_centers, with_velocities

LARGEST_LOG_SIZE = 5  # of predicted boxes whose overlap is measured


class CellCenterHead(nn.Module):
    """What :class:`SparseCenterHead` and :class:`HEDNetCenterHead` share.

    A subclass has ``forward``, which gives :class:`CellPredictions`, :meth:`build_branches` and
    :meth:`task_targets`.

    Args:
        in_channels: of the map.
        tasks: names of the classes of each task; labels count through all tasks.
        bbox_coder: range and cells of the map, see :class:`GridOptions`.
        branches: what is said of a cell, see :class:`BranchOptions`.
        targets: which objects teach which cells, see :class:`TargetOptions`.
        losses: weights, see :class:`LossOptions`.
        detections: what is kept of the cells, see :class:`DetectionOptions`.
        published: quirks, see :class:`safdnet.published.SAFDNetPublished`.

    Raises:
        ConfigError: for numbers of other classes than there are.
    """

    published_set = SAFDNetPublished
    argument_objects = dict(bbox_coder=GridOptions, branches=BranchOptions, targets=TargetOptions,
                            losses=LossOptions, detections=DetectionOptions)

    def __init__(self, in_channels: int, tasks: Sequence[Sequence[str]],
                 bbox_coder: dict | GridOptions,
                 branches: dict | BranchOptions | None = None,
                 targets: dict | TargetOptions | None = None,
                 losses: dict | LossOptions | None = None,
                 detections: dict | DetectionOptions | None = None,
                 published: dict | SAFDNetPublished | None = None) -> None:
        super().__init__()
        self.num_classes = [len(names) for names in tasks]
        self.branch_options = argument_object(self, 'branches', branches)
        self.target_options = argument_object(self, 'targets', targets)
        self.loss_options = argument_object(self, 'losses', losses)
        self.chosen = argument_object(self, 'detections', detections)
        self.chosen.check(sum(self.num_classes), type(self).__name__, self.branch_options.iou)
        self.published = SAFDNetPublished.of(published)
        grid = argument_object(self, 'bbox_coder', bbox_coder)
        self.coder = CenterBoxCoder(
            BEVGrid.from_voxels(grid.voxel_size, grid.point_cloud_range, grid.stride),
            velocity=self.branch_options.velocity, cosine_first=True)
        self.build_branches(in_channels)

    def build_branches(self, in_channels: int) -> None:
        """Make the layers for ``self.branch_options``."""
        raise NotImplementedError

    def loss(self, features: Any, data_samples: list[Det3DDataSample],
             **kwargs: Any) -> dict[str, Tensor]:
        """``taskN.loss_heatmap``, ``taskN.loss_bbox`` and perhaps ``taskN.loss_iou``."""
        found = self(features)
        device, boxes, labels = found.coordinates.device, [], []
        for sample in data_samples:
            objects = sample.gt_instances_3d
            own = objects.bboxes_3d.tensor.to(device).float()
            if self.coder.velocity:
                own = with_velocities(own, objects.get('velocity_known'))
            boxes.append(at_centers(own if self.coder.velocity else own[:, :7]))
            labels.append(objects.labels_3d.to(device))
        return self.loss_of(found, boxes, labels)

    def loss_of(self, found: CellPredictions, boxes: Sequence[Tensor],
                labels: Sequence[Tensor]) -> dict[str, Tensor]:
        """Weighted losses of an output; see :meth:`loss`.

        Args:
            boxes: B x [n, 7 or 9], x, y, z **center**, dx, dy, dz, yaw[, vx, vy].
            labels: B x [n] among all tasks; those of no task do not count.
        """
        losses = {}
        for number, (task, targets) in enumerate(zip(
                found.tasks, self.targets(found, boxes, labels), strict=True)):
            losses.update({f'task{number}.{name}': value for name, value in
                           self._task_losses(task, targets, found.cells).items()})
        return losses

    def targets(self, found: CellPredictions, boxes: Sequence[Tensor],
                labels: Sequence[Tensor]) -> list[CellTargets]:
        """What the cells should say, for each task."""
        targets, first = [], 0
        for count in self.num_classes:
            own = [(names >= first) & (names < first + count) for names in labels]
            targets.append(self.task_targets(
                found, [of_sample[chosen] for of_sample, chosen in zip(boxes, own, strict=True)],
                [names[chosen] - first for names, chosen in zip(labels, own, strict=True)], count))
            first += count
        return targets

    def task_targets(self, found: CellPredictions, boxes: list[Tensor], labels: list[Tensor],
                     num_classes: int) -> CellTargets:
        """Targets of one task from its objects."""
        raise NotImplementedError

    def predict(self, features: Any, data_samples: list[Det3DDataSample] | None = None,
                **kwargs: Any) -> list[InstanceData]:
        """Boxes (LiDAR frame, z at the bottom), ``scores_3d`` and ``labels_3d`` per sample."""
        return self.predict_of(self(features))

    def predict_of(self, found: CellPredictions) -> list[InstanceData]:
        """Detections of an output, task after task; see :meth:`predict`."""
        return detections(found, self.num_classes, self.coder, self.chosen)

    def predictions_of(self, branches: dict[str, Tensor]) -> TaskPredictions:  # [N, numbers] each
        """Outputs of a task's branches as predictions."""
        names = [*BOX_OUTPUTS, *(['vel'] if self.coder.velocity else [])]
        codes = torch.cat([branches[name] for name in names], dim=1)
        iou = branches['iou'][:, 0] if 'iou' in branches else None
        return TaskPredictions(branches['heatmap'], codes, iou)

    def _task_losses(self, task: TaskPredictions, targets: CellTargets,
                     cells: Tensor) -> dict[str, Tensor]:
        options, count = self.loss_options, max(len(targets.rows), 1)
        found = task.codes[targets.rows].float()
        known = targets.codes.isfinite()
        wanted = torch.where(known, targets.codes, found.detach())
        weights = known * constant(options.code_weights[:found.shape[1]], found)
        losses = dict(
            loss_heatmap=options.heat_weight * heatmap_loss(task.heat, targets.heat),
            loss_bbox=options.box_weight * ((found - wanted).abs() * weights).sum() / count)
        if task.iou is not None:
            with torch.no_grad():
                codes = torch.cat([found[:, :3], found[:, 3:6].clamp(
                    -LARGEST_LOG_SIZE, LARGEST_LOG_SIZE), found[:, 6:]], dim=1)
                boxes = self.coder.decode(codes, cells[targets.rows])[:, :7]
            error = iou_error(task.iou[targets.rows].float(), boxes, targets.boxes[:, :7])
            losses['loss_iou'] = options.iou_weight * error.sum() / count
        return losses
