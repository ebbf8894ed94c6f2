"""mmdet3d's anchor head, with targets that wait for the device twice a class and sample."""
from __future__ import annotations

from typing import Any

import torch
from mmdet3d.models.dense_heads import Anchor3DHead
from mmdet3d.models.dense_heads.train_mixins import get_direction_target
from mmdet3d.models.task_modules import Max3DIoUAssigner
from mmdet3d.registry import MODELS
from mmdet3d.structures import BboxOverlapsNearest3D
from mmengine.structures import InstanceData
from torch import Tensor

from sparse3d.models.heads.anchor_targets import assigned_objects, nearest_ious

# Labels, their weights, codes, their weights, directions, their weights, rows of positive anchors,
# rows of negative anchors.
Targets = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


@MODELS.register_module()
class BatchedAnchorHead(Anchor3DHead):
    """An ``Anchor3DHead`` with the same results, whose targets are made for all objects at once.

    What it does not know (a sampler, another assigner or measure of overlap, regions to ignore)
    it leaves to mmdet3d.

    Source: SECOND (Sensors 2018), section 3.2; mmdet3d's ``AnchorTrainMixin``.
    """

    def get_anchors(self, featmap_sizes: list, input_metas: list[dict],
                    device: torch.device | str = 'cpu') -> list:
        """Anchors of each sample, level by level; made once for maps of a size."""
        key = (tuple(map(tuple, featmap_sizes)), torch.device(device))
        if getattr(self, '_anchors_of', None) != key:
            with torch.inference_mode(False):  # or training could not use them after a prediction
                self._anchors = super().get_anchors(featmap_sizes, [{}], device)[0]
            self._anchors_of = key
        return [list(self._anchors) for _ in input_metas]

    def anchor_target_3d_single(self, anchors: Any, gt_instance_3d: InstanceData,
                                gt_instance_ignore: InstanceData | None, input_meta: dict,
                                label_channels: int = 1, num_classes: int = 1,
                                sampling: bool = True) -> Targets:
        """Targets of the anchors of a sample; arguments as of mmdet3d's."""
        rules = self.bbox_assigner if isinstance(self.bbox_assigner, list) else [self.bbox_assigner]
        if sampling or gt_instance_ignore is not None or not isinstance(anchors, Tensor) \
                or not all(map(_is_known, rules)):
            return super().anchor_target_3d_single(
                anchors, gt_instance_3d, gt_instance_ignore, input_meta, label_channels,
                num_classes, sampling)
        boxes, labels = gt_instance_3d.bboxes_3d, gt_instance_3d.labels_3d
        boxes = (boxes if isinstance(boxes, Tensor) else boxes.tensor).to(anchors.device)
        labels = labels.to(anchors.device)
        if not isinstance(self.bbox_assigner, list):
            return self._targets(rules[0], anchors.flatten(0, -2), boxes, labels)
        parts = []
        for number, rule in enumerate(rules):
            rows = (labels == number).nonzero().squeeze(1) if self.assign_per_class else slice(None)
            parts.append(self._targets(rule, anchors[..., number, :, :].flatten(0, -2),
                                       boxes[rows], labels[rows]))
        rotations = anchors.shape[-2]  # anchors stand by cell, then by class, then by rotation
        *tables, positive, negative = zip(*parts, strict=True)
        return (*(torch.stack([table.unflatten(0, (-1, rotations)) for table in of_classes], 1)
                  .flatten(0, 2) for of_classes in tables),
                torch.cat(positive), torch.cat(negative))

    def _targets(self, rule: Max3DIoUAssigner, anchors: Tensor, boxes: Tensor,
                 labels: Tensor) -> Targets:
        assigned = assigned_objects(nearest_ious(boxes, anchors), rule)
        positive = (assigned > 0).nonzero().squeeze(1)
        rows = assigned[positive] - 1
        codes, code_weights = torch.zeros_like(anchors), torch.zeros_like(anchors)
        directions = torch.zeros_like(assigned)
        direction_weights = torch.zeros_like(anchors[:, 0])
        classes = torch.full_like(assigned, self.num_classes)
        label_weights = (assigned >= 0).float()
        if len(positive):
            found = self.bbox_coder.encode(anchors[positive], boxes[rows])
            codes[positive] = found
            directions[positive] = get_direction_target(
                anchors[positive], found, self.dir_offset, self.dir_limit_offset, one_hot=False)
            code_weights.index_fill_(0, positive, 1)
            direction_weights.index_fill_(0, positive, 1)
            classes[positive] = labels[rows]
            if self.train_cfg.pos_weight > 0:
                label_weights.index_fill_(0, positive, self.train_cfg.pos_weight)
        # Where nothing is sampled nobody asks for the negative ones: their weight says it all.
        return (classes, label_weights, codes, code_weights, directions, direction_weights,
                positive, positive[:0])


def _is_known(rule: Any) -> bool:
    return type(rule) is Max3DIoUAssigner and rule.gpu_assign_thr <= 0 \
        and type(rule.iou_calculator) is BboxOverlapsNearest3D \
        and rule.iou_calculator.coordinate == 'lidar'
