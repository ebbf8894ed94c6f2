"""A center head with velocities, some of which are unknown."""
from __future__ import annotations

from mmdet3d.registry import MODELS

from sparse3d.models.heads.batched_center_head import BatchedCenterHead


@MODELS.register_module()
class MovingCenterHead(BatchedCenterHead):
    """mmdet3d's center head, which learns no velocity where none is known.

    nuScenes cannot tell the velocity of an object that was annotated once. mmdet3d teaches
    such objects to stand still; here ``gt_instances_3d.velocity_known`` (M,) bool, of
    ``MarkUnknownVelocities``, takes them out of the loss of the velocity. Without the mask
    all velocities count; boxes of 7 numbers have none.
    """
