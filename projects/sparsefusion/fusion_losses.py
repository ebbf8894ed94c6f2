"""All losses of SparseFusion."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from mmengine.structures import InstanceData
from torch import Tensor

from sparse3d.argument_objects import argument_object
from sparse3d.models.heads.transfusion_box_coder import TransFusionBoxCoder
from sparse3d.models.heads.transfusion_losses import (
    CODE_WEIGHTS,
    code_loss,
    heat_loss,
    label_loss,
    query_losses,
)
from sparse3d.models.heads.transfusion_matching import MatchWeights
from sparse3d.models.heads.transfusion_targets import (
    QueryTargets,
    boxes_and_labels,
    heat_target,
    query_targets,
)
from sparse3d.models.query.mean_count import mean_count
from sparse3d.ops.constants import constant
from sparse3d.structures.camera_rig import CameraRig
from sparsefusion.camera_targets import camera_targets, image_heat_target
from sparsefusion.fusion_output import FusionOutput
from sparsefusion.published import SparseFusionPublished
from sparsefusion.view_objects import ViewObjects, view_objects

CAMERA_PARTS = {'center_2d': slice(0, 2), 'depth_2d': slice(2, 3), 'dim_2d': slice(3, 6),
                'rot_2d': slice(6, 8), 'vel_2d': slice(8, 10)}


@dataclass(frozen=True)
class FusionLossOptions:
    """Weights of the losses.

    Attributes:
        match: weights of the matching costs; a dict or :class:`MatchWeights`.
        heat_weight: of the map's heat.
        image_heat_weight: of the images' heat.
        box_weight: of boxes.
        center_2d_weight: of the camera candidates' centers.
        code_weights: of the ten numbers of a box.
    """

    match: MatchWeights | Mapping = MatchWeights()
    heat_weight: float = 0.1
    image_heat_weight: float = 0.1
    box_weight: float = 0.25
    center_2d_weight: float = 5.0
    code_weights: Sequence[float] = CODE_WEIGHTS

    argument_objects: ClassVar = dict(match=MatchWeights)

    def __post_init__(self) -> None:
        object.__setattr__(self, 'match', argument_object(self, 'match', self.match))


class FusionLosses:
    """Losses of heat maps, both detectors, view transformation and fusion.

    Args:
        coder: of the boxes.
        num_classes: number of classes.
        image_stride: of the finest image level.
        options: weights, see :class:`FusionLossOptions`.
        published: ``match_height``, see :func:`camera_targets`.

    Source: SparseFusion (ICCV 2023), section 3.6; weights as in the released code.
    """

    def __init__(self, coder: TransFusionBoxCoder, num_classes: int, image_stride: int,
                 options: FusionLossOptions | None = None,
                 published: SparseFusionPublished | None = None) -> None:
        self.coder, self.num_classes, self.stride = coder, num_classes, image_stride
        self.options = options or FusionLossOptions()
        self.code_weights = tuple(self.options.code_weights)
        self.match_height = SparseFusionPublished.of(published).match_height

    def __call__(self, output: FusionOutput, instances: list[InstanceData], rig: CameraRig,
                 views: list[ViewObjects] | None = None,
                 seen: list[Tensor] | None = None) -> dict[str, Tensor]:
        """Losses of a batch by name.

        Args:
            instances: ``bboxes_3d`` and ``labels_3d`` of each sample.
            views: what each camera should find; worked out from the boxes if None.
            seen: for each sample [G] bool, objects that some camera sees; from ``views`` if None.
        """
        truth = [boxes_and_labels(objects, output.bev.device) for objects in instances]
        if views is None:
            views = [view_objects(*pair, rig, row) for row, pair in enumerate(truth)]
        if seen is None:
            seen = [view.seen(len(pair[0])) for view, pair in zip(views, truth, strict=True)]
        seen = [mask.nonzero().squeeze(1) for mask in seen]  # one wait, not one each
        visible = [(boxes[rows], labels[rows])
                   for (boxes, labels), rows in zip(truth, seen, strict=True)]
        losses = self._heat_losses(output, truth, views, rig)
        lidar = self.box_targets(output.lidar, truth)
        lidar = _without_invalid(lidar, output.valid)
        for name, outputs, targets in (
                ('lidar', output.lidar, lidar),
                ('view', output.view, self.box_targets(output.view, visible)),
                ('fusion', output.fused, self.box_targets(output.fused, truth))):
            found = query_losses(outputs['heatmap'].transpose(1, 2), self.coder.stack(outputs),
                                 targets, self.code_weights, self.options.box_weight)
            losses.update({f'{name}_{key}': value for key, value in found.items()})
        losses.update(self._camera_losses(output, self.camera_targets(output, views, rig)))
        return losses

    def box_targets(self, outputs: dict[str, Tensor],
                    gt: list[tuple[Tensor, Tensor]]) -> QueryTargets:
        """Targets of branches that give LiDAR boxes."""
        boxes = self.coder.decode(self.coder.stack(outputs).detach())
        logits = outputs['heatmap'].detach().transpose(1, 2)
        return query_targets(boxes, logits, gt, self.coder, self.options.match)

    def camera_targets(self, output: FusionOutput, views: list[ViewObjects],
                       rig: CameraRig) -> QueryTargets:
        """Targets of the camera branches."""
        camera, centers = output.camera, output.lifted.camera_centers.detach()
        outputs = {name: value.detach() for name, value in camera.outputs.items()}
        return camera_targets(outputs, centers, camera.view, views, rig.image_size,
                              self.coder.extent, self.options.match, self.match_height)

    def _heat_losses(self, output: FusionOutput, gt: list[tuple[Tensor, Tensor]],
                     views: list[ViewObjects], rig: CameraRig) -> dict[str, Tensor]:
        target = heat_target(gt, self.coder, self.num_classes)
        shapes = [tuple(level.shape[-2:]) for level in output.pyramid.levels]
        image_target = image_heat_target(views, shapes, rig.views, self.num_classes, self.stride)
        inside = ~output.pyramid.padding.unflatten(0, rig.valid.shape)  # [B, N, S]
        valid = output.valid[:, None, None, None].to(target)
        return {
            'loss_heatmap': self.options.heat_weight * heat_loss(
                output.transferred.heat, target * valid, valid.expand_as(target)),
            'loss_heatmap_2d': self.options.image_heat_weight * heat_loss(
                output.camera.heat, image_target,
                inside[:, None].expand_as(image_target).to(target)),
        }

    def _camera_losses(self, output: FusionOutput, targets: QueryTargets) -> dict[str, Tensor]:
        found = {name: value.float().transpose(1, 2)
                 for name, value in output.camera.outputs.items()}
        normalizer = mean_count(targets.positives)
        losses = {'camera_loss_cls': label_loss(found['cls'], targets.labels,
                                                targets.label_weights, normalizer)}
        weights = targets.code_weights * constant(self.code_weights, targets.codes)
        for name, part in CAMERA_PARTS.items():
            scale = (self.options.center_2d_weight if name == 'center_2d'
                     else self.options.box_weight)
            losses[f'camera_loss_{name}'] = scale * code_loss(
                found[name], targets.codes[..., part], weights[..., part], normalizer)
        return losses


def _without_invalid(targets: QueryTargets, valid: Tensor) -> QueryTargets:
    """The same targets, nothing asked of samples that are not there."""
    here = valid[:, None]
    return QueryTargets(targets.labels, targets.label_weights * here, targets.codes,
                        targets.code_weights * here[..., None], targets.ious,
                        targets.positives * valid)
