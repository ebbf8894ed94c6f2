"""A center head for data sets without velocities."""
from __future__ import annotations

import torch
from mmdet3d.models.dense_heads import CenterHead
from mmdet3d.registry import MODELS
from mmengine.structures import InstanceData
from torch import Tensor, nn

BOX_SIZE = 7
VELOCITY_SIZE = 2
LAST_LAYER_SPREAD = 0.01


@MODELS.register_module()
class StaticCenterHead(CenterHead):
    """mmdet3d's center head for boxes of 7 numbers (KITTI, single frames).

    The head of mmdet3d can only be trained on boxes with a velocity. Here the
    velocity is filled with zeros on both sides of the loss and never predicted,
    which leaves everything else as it is. Its detections have 7 numbers.

    mmdet3d keeps the task heads in a plain list, which the initialization passes
    by, and if it did not, its Kaiming weights in the last layers would drown the
    bias of the heat map: scores start high everywhere, and the first epoch is
    spent on unlearning that. Here the last layers start small, the bias counts.

    Raises:
        ValueError: if a ``vel`` branch is configured.
    """

    def __init__(self, common_heads: dict, train_cfg: dict | None = None, **kwargs) -> None:
        if 'vel' in common_heads:
            raise ValueError('StaticCenterHead predicts no velocity: use CenterHead, or drop '
                             "'vel' from common_heads")
        if train_cfg is not None:
            train_cfg = dict(train_cfg)
            weights = list(train_cfg.get('code_weights', [1.0] * 8))
            train_cfg['code_weights'] = weights[:8] + [0.0] * VELOCITY_SIZE
        super().__init__(common_heads=common_heads, train_cfg=train_cfg, **kwargs)

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
        for task in preds_dicts:
            batch, _, height, width = task[0]['reg'].shape
            task[0]['vel'] = task[0]['reg'].new_zeros(batch, VELOCITY_SIZE, height, width)
        resting = [_with_zero_velocity(instances) for instances in batch_gt_instances_3d]
        return super().loss_by_feat(preds_dicts, resting, *args, **kwargs)


def _with_zero_velocity(instances: InstanceData) -> InstanceData:
    """The same instances, their boxes with two more columns of zeros."""
    boxes = instances.bboxes_3d
    zeros = boxes.tensor.new_zeros(len(boxes), VELOCITY_SIZE)
    padded = torch.cat([boxes.tensor[:, :BOX_SIZE], zeros], dim=1)  # [n, 9]
    return InstanceData(labels_3d=instances.labels_3d,
                        bboxes_3d=type(boxes)(padded, box_dim=BOX_SIZE + VELOCITY_SIZE))
