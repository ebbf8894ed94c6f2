"""HEDNet's TransFusion head: boxes also learn from their own overlap with the objects."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mmdet3d.registry import MODELS
from torch import Tensor

from safdnet.published import SAFDNetPublished
from sparse3d.models.center.predicted_iou import diou_aligned
from sparse3d.models.heads.transfusion_box_coder import BoxCoderOptions
from sparse3d.models.heads.transfusion_head import (
    QueryOptions,
    RectifiedDetectionOptions,
    TransFusionHead,
)
from sparse3d.models.heads.transfusion_losses import LossOptions
from sparse3d.models.heads.transfusion_targets import QueryTargets
from sparse3d.models.query.mean_count import mean_count
from sparse3d.ops.rotated_iou import rotated_iou_3d_aligned
from sparse3d.structures.box_tensors import at_centers


@dataclass(frozen=True)
class HEDNetLossOptions(LossOptions):
    """Weights of the losses.

    Attributes:
        diou_weight: of the distance IoU between boxes and their objects, headings ignored.
    """

    diou_weight: float = 0.5


@MODELS.register_module()
class HEDNetTransFusionHead(TransFusionHead):
    """TransFusion's head with a loss of the distance IoU.

    Args:
        losses: see :class:`HEDNetLossOptions`.
        published: quirks, see :class:`safdnet.published.SAFDNetPublished`; they reach the head as
            options. The others are those of
            :class:`~sparse3d.models.heads.transfusion_head.TransFusionHead`.

    Source: HEDNet (NeurIPS 2023), released nuScenes config.
    """

    published_set = SAFDNetPublished
    argument_objects = dict(TransFusionHead.argument_objects, losses=HEDNetLossOptions)

    def __init__(self, in_channels: int, num_classes: int, bbox_coder: dict | BoxCoderOptions,
                 query_initialization: dict | QueryOptions | None = None,
                 decoder_layers: Sequence[dict] = (dict(type='MapDecoderLayer'), ),
                 branches: dict[str, int] | None = None,
                 losses: dict | HEDNetLossOptions | None = None,
                 detections: dict | RectifiedDetectionOptions | None = None,
                 published: dict | SAFDNetPublished | None = None) -> None:
        super().__init__(in_channels, num_classes, bbox_coder, query_initialization,
                         decoder_layers, branches, losses, detections)
        self.published = SAFDNetPublished.of(published)

    def layer_losses(self, layer: dict[str, Tensor], targets: QueryTargets) -> dict[str, Tensor]:
        """Those of the parent, and ``loss_diou`` of matched boxes whose distance IoU is above 0."""
        matched = targets.ious >= 0
        found, wanted = (self.coder.decode(codes)[matched]
                         for codes in (self.coder.stack(layer), targets.codes))
        if self.losses.iou_shift:  # that is of the matching alone
            overlap = rotated_iou_3d_aligned(found[:, :7].detach(), wanted[:, :7])
            targets = replace(targets, ious=targets.ious.masked_scatter(matched, overlap))
        losses = super().layer_losses(layer, targets)
        diou = diou_aligned(at_centers(found), at_centers(wanted))
        taught = diou > 0
        losses['loss_diou'] = (self.losses.diou_weight * ((1 - diou) * taught).sum()
                               / mean_count(taught.sum()))
        return losses
