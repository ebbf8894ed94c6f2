"""A center head with velocities, some of which nobody knows."""
from __future__ import annotations

import torch
from mmdet3d.registry import MODELS
from mmengine.structures import InstanceData

from sparse3d.models.heads.batched_center_head import BatchedCenterHead, MapTargets
from sparse3d.structures.box_tensors import with_velocities


@MODELS.register_module()
class MovingCenterHead(BatchedCenterHead):
    """mmdet3d's center head, which learns no velocity where none is known.

    nuScenes cannot tell the velocity of an object that was annotated once. mmdet3d teaches
    such objects to stand still; here ``gt_instances_3d.velocity_known`` (M,) bool, of
    ``MarkUnknownVelocities``, takes them out of the loss of the velocity. Without the mask
    all velocities count.
    """

    def map_targets(self, instances: list[InstanceData], device: torch.device) -> MapTargets:
        """As in the parent class; unknown velocities are NaN."""
        return super().map_targets([_with_unknown_as_nan(objects) for objects in instances], device)


def _with_unknown_as_nan(instances: InstanceData) -> InstanceData:
    """The same instances; unknown velocities are NaN."""
    if 'velocity_known' not in instances:
        return instances
    boxes = instances.bboxes_3d
    marked = with_velocities(boxes.tensor, instances.velocity_known)
    return InstanceData(labels_3d=instances.labels_3d,
                        bboxes_3d=type(boxes)(marked, box_dim=marked.shape[1]))
