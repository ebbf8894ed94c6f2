"""Center head that also predicts how well its boxes fit."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.structures import InstanceData
from torch import Tensor, nn

from dsvt.center_decoding import candidates
from dsvt.center_losses import box_losses
from dsvt.center_targets import CenterTargets, center_targets
from dsvt.published import DSVTPublished
from sparse3d.argument_objects import argument_object
from sparse3d.errors import ConfigError
from sparse3d.models.center.bev_grid import BEVGrid, GridOptions
from sparse3d.models.center.box_coder import CenterBoxCoder
from sparse3d.models.center.heatmap_loss import RARE_BIAS, heatmap_loss
from sparse3d.models.center.heatmap_targets import Drawing
from sparse3d.models.center.predicted_iou import rectified_scores
from sparse3d.models.center.selection import suppress_by_class
from sparse3d.ops.constants import constant
from sparse3d.structures.box_tensors import at_centers

CODES = dict(center=2, center_z=1, dim=3, rot=2)  # in the order of the code; rot is cos, sin
LOSS_WEIGHTS = dict(loss_heatmap=1.0, loss_bbox=2.0, loss_iou=1.0, loss_diou=2.0)


@dataclass(frozen=True)
class TargetOptions:
    """Which objects teach which cells.

    Attributes:
        max_objects: objects of a sample that are trained on.
        gaussian_overlap, min_radius: of the Gaussians on the heat map.
    """

    max_objects: int = 500
    gaussian_overlap: float = 0.1
    min_radius: int = 2


@dataclass(frozen=True)
class DetectionOptions:
    """What is kept of the cells.

    Attributes:
        max_candidates: cells that become boxes, over all classes.
        score_threshold: of the heat, before it is corrected by the overlap.
        center_range: boxes with their center outside are dropped.
        rectifier: weight of the overlap in the score, for each class.
        iou_thresholds: overlap in BEV, for each class.
        nms_pre, nms_post: boxes of a class before and after suppression.
    """

    max_candidates: int = 500
    score_threshold: float = 0.1
    center_range: Sequence[float] = (-80, -80, -10, 80, 80, 10)
    rectifier: Sequence[float] = (0.68, 0.71, 0.65)
    iou_thresholds: Sequence[float] = (0.7, 0.6, 0.55)
    nms_pre: int = 4096
    nms_post: int = 500

    def check(self, num_classes: int) -> None:
        """Refuse numbers for other classes than there are."""
        for name in ('rectifier', 'iou_thresholds'):
            values = getattr(self, name)
            if len(values) != num_classes:
                raise ConfigError(f'{name} of IoUCenterHead has {len(values)} numbers for '
                                  f'{num_classes} classes: give one for each class')


@MODELS.register_module()
class IoUCenterHead(nn.Module):
    """Heat map, box and overlap of the box at each cell; one map for each class.

    Args:
        in_channels: of the map.
        num_classes: heat maps.
        bbox_coder: range and cells of the map, see :class:`GridOptions`.
        channels: inside the head.
        momentum: of the batch normalizations; 0.01 is for schedules of many thousand steps.
        loss_weights: of ``loss_heatmap``, ``loss_bbox``, ``loss_iou`` and ``loss_diou``.
        targets: which objects teach which cells, see :class:`TargetOptions`.
        detections: what is kept of the cells, see :class:`DetectionOptions`.
        published: quirks, see :class:`dsvt.published.DSVTPublished`.

    Raises:
        ConfigError: if rectifier or iou_thresholds have another length than classes.

    Source: CenterPoint (CVPR 2021) with the IoU branch of the released DSVT configs.
    """

    published_set = DSVTPublished
    argument_objects = dict(bbox_coder=GridOptions, targets=TargetOptions,
                            detections=DetectionOptions)

    def __init__(self, in_channels: int, num_classes: int, bbox_coder: dict | GridOptions,
                 channels: int = 64, momentum: float = 0.01,
                 loss_weights: dict[str, float] | None = None,
                 targets: dict | TargetOptions | None = None,
                 detections: dict | DetectionOptions | None = None,
                 published: dict | DSVTPublished | None = None) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.chosen = argument_object(self, 'detections', detections)
        self.chosen.check(num_classes)
        targets = argument_object(self, 'targets', targets)
        self.max_objects = targets.max_objects
        self.drawing = Drawing(targets.gaussian_overlap, targets.min_radius)
        grid = argument_object(self, 'bbox_coder', bbox_coder)
        self.coder = CenterBoxCoder(
            BEVGrid.from_voxels(grid.voxel_size, grid.point_cloud_range, grid.stride),
            cosine_first=True)
        self.loss_weights = {**LOSS_WEIGHTS, **(loss_weights or {})}
        self.turned_nms = DSVTPublished.of(published).turned_nms
        self.shared_conv = nn.Sequential(*_convolution(in_channels, channels, momentum))
        outputs = {**CODES, 'iou': 1, 'hm': num_classes}
        self.branches = nn.ModuleDict({
            name: nn.Sequential(*_convolution(channels, channels, momentum),
                                nn.Conv2d(channels, out, 3, padding=1))
            for name, out in outputs.items()})
        self.init_weights()

    def init_weights(self) -> None:
        """Kaiming for all branches but the heat map, whose bias makes it start quiet."""
        for name, branch in self.branches.items():
            if name == 'hm':
                nn.init.constant_(branch[-1].bias, RARE_BIAS)
                continue
            for layer in branch:
                if isinstance(layer, nn.Conv2d):
                    nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(branch[-1].bias)

    def forward(self, features: Sequence[Tensor]) -> dict[str, Tensor]:
        """Maps of each branch, [B, channels, H, W]: ``hm`` logits, ``center`` (x, y within the
        cell), ``center_z``, ``dim`` (log), ``rot`` (cos, sin), ``iou`` (in [-1, 1] units)."""
        shared = self.shared_conv(features[0])
        return {name: branch(shared) for name, branch in self.branches.items()}

    def loss(self, features: Sequence[Tensor], data_samples: list[Det3DDataSample],
             **kwargs) -> dict[str, Tensor]:
        """Losses for the ground truth of the samples; see ``loss_by_maps``."""
        truth = [sample.gt_instances_3d for sample in data_samples]
        device = features[0].device
        boxes = [at_centers(of_sample.bboxes_3d.tensor[:, :7].to(device).float())
                 for of_sample in truth]
        return self.loss_by_maps(self(features), boxes,
                                 [of_sample.labels_3d.to(device) for of_sample in truth])

    def loss_by_maps(self, maps: dict[str, Tensor], boxes: list[Tensor],
                     labels: list[Tensor]) -> dict[str, Tensor]:
        """Weighted losses of the maps.

        Args:
            maps: from ``forward``.
            boxes: B x [n, 7], x, y, z **center**, dx, dy, dz, yaw.
            labels: B x [n].
        """
        targets = self.targets(maps, boxes, labels)
        found, quality, decoded = self._at(maps, targets.index)
        losses = box_losses(found, quality, decoded, targets)
        losses['loss_heatmap'] = heatmap_loss(maps['hm'], targets.heatmap)
        return {name: loss * self.loss_weights[name] for name, loss in losses.items()}

    def targets(self, maps: dict[str, Tensor], boxes: list[Tensor],
                labels: list[Tensor]) -> CenterTargets:
        """What the maps should be."""
        return center_targets(boxes, labels, self._coder_of(maps['hm']), self.num_classes,
                              self.drawing, self.max_objects)

    def predict(self, features: Sequence[Tensor], data_samples: list[Det3DDataSample],
                **kwargs) -> list[InstanceData]:
        """Boxes (LiDAR frame, z at the bottom), ``scores_3d`` and ``labels_3d`` per sample."""
        return self.predict_by_maps(self(features))

    def predict_by_maps(self, maps: dict[str, Tensor]) -> list[InstanceData]:
        """Detections of each sample, by class, best first."""
        heat, codes = maps['hm'].float().sigmoid(), _codes(maps)
        return [self._detections(*of_sample)
                for of_sample in zip(heat, codes, maps['iou'][:, 0].float(), strict=True)]

    def _detections(self, heat: Tensor, codes: Tensor, quality: Tensor) -> InstanceData:
        chosen = self.chosen
        found = candidates(heat, codes, quality, self._coder_of(heat), chosen.max_candidates,
                           chosen.score_threshold, chosen.center_range)
        power = constant(chosen.rectifier, found.scores)[found.labels]
        scores = rectified_scores(found.scores, found.quality, power)
        kept = suppress_by_class(found.boxes, scores, found.labels, chosen.iou_thresholds,
                                 chosen.nms_pre, chosen.nms_post, self.turned_nms)
        boxes = LiDARInstance3DBoxes(found.boxes[kept], origin=(0.5, 0.5, 0.5))
        return InstanceData(bboxes_3d=boxes, scores_3d=scores[kept], labels_3d=found.labels[kept])

    def _at(self, maps: dict[str, Tensor], index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Codes [n, 8], overlaps [n] and boxes [n, 7] predicted at cells of the batch."""
        height, width = maps['hm'].shape[2:]
        codes = _codes(maps).permute(0, 2, 3, 1).flatten(0, 2)[index]
        quality = maps['iou'].float().flatten()[index]
        coder = self._coder_of(maps['hm'])
        cells = coder.grid.columns_and_rows(index % (height * width))
        return codes, quality, coder.decode(codes, cells)

    def _coder_of(self, maps: Tensor) -> CenterBoxCoder:
        """The coder for maps [..., H, W]: of the range's cells, as many as these have."""
        height, width = maps.shape[-2:]
        return replace(self.coder, grid=replace(self.coder.grid, shape=(width, height)))


def _codes(maps: dict[str, Tensor]) -> Tensor:
    return torch.cat([maps[name] for name in CODES], dim=1).float()   # [B, 8, H, W]


def _convolution(in_channels: int, channels: int, momentum: float) -> list[nn.Module]:
    return [nn.Conv2d(in_channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels, eps=1e-3, momentum=momentum), nn.ReLU()]
