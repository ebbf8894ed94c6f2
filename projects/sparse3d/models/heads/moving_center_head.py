"""A center head with velocities, some of which nobody knows."""
from __future__ import annotations

import torch
from mmdet3d.models.dense_heads import CenterHead
from mmdet3d.registry import MODELS
from mmengine.structures import InstanceData
from torch import Tensor, nn

LAST_LAYER_SPREAD = 0.01
_VELOCITY = slice(7, 9)


@MODELS.register_module()
class MovingCenterHead(CenterHead):
    """mmdet3d's center head, which learns no velocity where none is known.

    nuScenes cannot tell the velocity of an object that was annotated once. mmdet3d teaches
    such objects to stand still; here ``gt_instances_3d.velocity_known`` (M,) bool, of
    ``MarkUnknownVelocities``, takes them out of the loss of the velocity. Without the mask
    all velocities count.

    The last layers start small, so that the bias of the heat map counts; see
    :class:`StaticCenterHead`.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.loss_bbox = _LossOfKnownTargets(self.loss_bbox)

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
        marked = [_with_unknown_as_nan(instances) for instances in batch_gt_instances_3d]
        return super().loss_by_feat(preds_dicts, marked, *args, **kwargs)


class _LossOfKnownTargets(nn.Module):
    """A loss in which targets that are NaN do not count.

    A weight of 0 would not do: NaN times 0 is NaN.
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, pred: Tensor, target: Tensor, *args, **kwargs) -> Tensor:
        return self.loss(pred, torch.where(torch.isnan(target), pred.detach(), target), *args,
                         **kwargs)


def _with_unknown_as_nan(instances: InstanceData) -> InstanceData:
    """The same instances; unknown velocities are NaN, which the parent's mask leaves out."""
    if 'velocity_known' not in instances or instances.velocity_known.all():
        return instances
    boxes = instances.bboxes_3d
    marked = boxes.tensor.clone()
    marked[~instances.velocity_known.to(marked.device), _VELOCITY] = torch.nan
    return InstanceData(labels_3d=instances.labels_3d,
                        bboxes_3d=type(boxes)(marked, box_dim=marked.shape[1]))
