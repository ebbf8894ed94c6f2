"""A center head for data sets without velocities."""
from __future__ import annotations

from mmdet3d.registry import MODELS

from sparse3d.models.heads.batched_center_head import BatchedCenterHead


@MODELS.register_module()
class StaticCenterHead(BatchedCenterHead):
    """mmdet3d's center head for boxes of 7 numbers (KITTI, single frames).

    The head of mmdet3d can only be trained on boxes with a velocity. Here it is neither
    predicted nor part of the loss. Its detections have 7 numbers.

    Raises:
        ValueError: if a ``vel`` branch is configured.
    """

    def __init__(self, common_heads: dict, train_cfg: dict | None = None, **kwargs) -> None:
        if 'vel' in common_heads:
            raise ValueError('StaticCenterHead predicts no velocity: use CenterHead, or drop '
                             "'vel' from common_heads")
        if train_cfg is not None:
            train_cfg = dict({'code_weights': [1.0] * 8}, **train_cfg)
        super().__init__(common_heads=common_heads, train_cfg=train_cfg, **kwargs)
