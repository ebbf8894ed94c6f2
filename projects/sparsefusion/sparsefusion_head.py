"""The head of SparseFusion: two detectors that help each other, and their fusion."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from mmcv.ops import MultiScaleDeformableAttention
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor, nn

from sparse3d.argument_objects import argument_object
from sparse3d.models.center.bev_grid import GridOptions
from sparse3d.models.center.heatmap_loss import RARE_BIAS
from sparse3d.models.center.peaks import Peaks
from sparse3d.models.heads.transfusion_box_coder import TransFusionBoxCoder
from sparse3d.models.heads.transfusion_branches import PredictionBranches
from sparse3d.models.heads.transfusion_decoder import MapDecoderLayer, QueryDecoder
from sparse3d.models.heads.transfusion_detections import (
    DetectionOptions,
    Suppression,
    select_detections,
)
from sparse3d.models.heads.transfusion_head import BOX_OUTPUTS
from sparse3d.models.heads.transfusion_queries import ClassEncoding, peak_scores, queries_of_peaks
from sparse3d.structures.camera_rig import CameraRig
from sparsefusion.camera_candidates import CameraDetector
from sparsefusion.fusion_losses import FusionLosses, FusionLossOptions
from sparsefusion.fusion_output import FusionOutput
from sparsefusion.geometric_transfer import GeometricTransfer
from sparsefusion.image_pyramid import ImagePyramid
from sparsefusion.lifted_boxes import lift_boxes
from sparsefusion.published import SparseFusionPublished
from sparsefusion.query_attention import QueryAttention
from sparsefusion.semantic_transfer import SemanticTransfer, projection
from sparsefusion.view_transformation import ViewTransformation

CAMERA_SHARE = 0.5  # of a camera candidate's score in the final one


@dataclass(frozen=True)
class ImageOptions:
    """The features of the images.

    Attributes:
        channels: of the features.
        stride: of the finest level.
        num_levels: levels that are used, finest first.
    """

    channels: int
    stride: int = 4
    num_levels: int = 4


@dataclass(frozen=True)
class CandidateOptions:
    """Candidates of both detectors.

    Attributes:
        channels: of all queries.
        num_lidar_queries: candidates of the LiDAR.
        num_camera_queries: candidates of all cameras together.
        num_lidar_layers: decoder layers of the LiDAR candidates.
        unsuppressed_classes: classes without suppression in the LiDAR's heat map.
    """

    channels: int = 128
    num_lidar_queries: int = 200
    num_camera_queries: int = 200
    num_lidar_layers: int = 1
    unsuppressed_classes: Sequence[int] = ()


@dataclass
class SceneInput:
    """What the head needs of a batch.

    Attributes:
        bev: [B, in_channels, H, W] map of the LiDAR.
        heights: [B, H, W] meters, see :func:`voxel_heights`.
        occupied: [B, H, W] bool.
        images: features of each level [B * N, image_channels, h, w], finest first.
        depth: [B * N, 2, h, w], see :func:`sparse_depth`.
        rig: the cameras.
        auxiliary: of a middle encoder with losses of its own.
        image_losses: of an image backbone that has some, in training.
    """

    bev: Tensor
    heights: Tensor
    occupied: Tensor
    images: list[Tensor]
    depth: Tensor
    rig: CameraRig
    auxiliary: Any = None
    image_losses: dict[str, Tensor] = field(default_factory=dict)


@MODELS.register_module()
class SparseFusionHead(BaseModule):
    """LiDAR candidates, camera candidates, transfers both ways, and sparse fusion.

    Args:
        in_channels: of the LiDAR's map.
        num_classes: number of classes.
        bbox_coder: range and cells of the map, see :class:`GridOptions`.
        images: features of the images, see :class:`ImageOptions`.
        candidates: of both detectors, see :class:`CandidateOptions`.
        layer: settings of all attention layers (``num_heads``, ``feedforward_channels``,
            ``dropout``).
        losses: weights, see :class:`FusionLossOptions`.
        detections: what is kept of the boxes, see :class:`DetectionOptions`.
        published: quirks, see :class:`sparsefusion.published.SparseFusionPublished`.

    Source: SparseFusion (ICCV 2023); released code.
    """

    published_set = SparseFusionPublished
    argument_objects = dict(
        bbox_coder=GridOptions, images=ImageOptions, candidates=CandidateOptions,
        losses=FusionLossOptions, detections=DetectionOptions)

    def __init__(
            self,
            in_channels: int,
            num_classes: int,
            bbox_coder: dict | GridOptions,
            images: dict | ImageOptions,
            candidates: dict | CandidateOptions | None = None,
            layer: dict | None = None,
            losses: dict | FusionLossOptions | None = None,
            detections: dict | DetectionOptions | None = None,
            published: dict | SparseFusionPublished | None = None,
            init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        layer = layer or {}
        grid = argument_object(self, 'bbox_coder', bbox_coder)
        images = argument_object(self, 'images', images)
        self.candidates = candidates = argument_object(self, 'candidates', candidates)
        chosen = argument_object(self, 'detections', detections)
        self.coder = TransFusionBoxCoder(**vars(grid))
        self.published = published = SparseFusionPublished.of(published)
        self.losses = FusionLosses(self.coder, num_classes, images.stride,
                                   argument_object(self, 'losses', losses), published)
        self.map_stride, self.image_stride = grid.stride, images.stride
        self.num_levels, channels = images.num_levels, candidates.channels
        self.center_range = chosen.center_range
        self.suppression = _as_published(chosen.suppression, published)
        outputs = dict(BOX_OUTPUTS, heatmap=num_classes)

        self.geometric_transfer = GeometricTransfer(images.channels, channels, images.num_levels)
        self.level_embedding = nn.Parameter(torch.zeros(images.num_levels, channels))
        self.shared = nn.Conv2d(in_channels, channels, 3, padding=1)
        self.semantic_transfer = SemanticTransfer(
            channels, num_classes, images.stride, dict(layer, num_levels=images.num_levels))
        self.class_encoding = ClassEncoding(num_classes, channels)
        self.lidar_decoder = QueryDecoder(
            [MapDecoderLayer(channels, **layer) for _ in range(candidates.num_lidar_layers)],
            PredictionBranches(channels, outputs))
        self.camera_detector = CameraDetector(
            channels, num_classes, candidates.num_camera_queries, images.num_levels, layer,
            published)
        self.view_transformation = ViewTransformation(
            channels, outputs, self.coder, self.center_range, layer, published.positions)
        self.lidar_projection, self.camera_projection = projection(channels), projection(channels)
        self.fusion = QueryAttention(2, channels, norm=True, one_embedding=True, **layer)
        self.fusion_branches = PredictionBranches(channels, outputs)

    def init_weights(self) -> None:
        """Xavier everywhere, deformable attention in its own way, rare classes at the start."""
        super().init_weights()
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        nn.init.normal_(self.level_embedding)
        nn.init.constant_(self.semantic_transfer.heat.bias, RARE_BIAS)
        for module in self.modules():
            if isinstance(module, MultiScaleDeformableAttention):
                module._is_init = False
                module.init_weights()
            elif module is not self and isinstance(
                    module, (PredictionBranches, CameraDetector)):
                module.init_weights()

    def forward(self, scene: SceneInput) -> FusionOutput:
        """Run all stages."""
        depth = scene.depth.to(scene.images[0].dtype)
        joined = self.geometric_transfer(depth, list(scene.images[:self.num_levels]))
        levels = [level + embedding[:, None, None]
                  for level, embedding in zip(joined, self.level_embedding, strict=True)]
        pyramid = ImagePyramid.of(levels, scene.rig, self.image_stride)
        bev = self.shared(scene.bev)
        transferred = self.semantic_transfer(bev, scene.heights, scene.occupied, pyramid,
                                             scene.rig, self.coder, self.published.padding)
        valid = scene.occupied.flatten(1).any(1)
        first = queries_of_peaks(
            transferred.heat, bev, self.class_encoding, self.candidates.num_lidar_queries,
            self.candidates.unsuppressed_classes, valid)
        lidar_queries, lidar_places, lidar_layers = self.lidar_decoder(
            first.features, first.positions, bev)
        camera = self.camera_detector(pyramid, scene.rig)
        lifted = lift_boxes(camera.outputs, camera.view, scene.rig, self.coder)
        view_queries, gated, view = self.view_transformation(camera, lifted, scene.rig)
        fused_queries, fused = self._fuse(
            lidar_queries, lidar_places[-1], view_queries, view['center'].detach().transpose(1, 2),
            peak_heights(first.peaks, camera.peaks) <= 0)
        return FusionOutput(pyramid, bev, transferred, first.peaks, lidar_queries, lidar_layers[-1],
                            camera, lifted, gated, view_queries, view, fused_queries, fused,
                            valid)

    def _fuse(self, lidar: Tensor, lidar_centers: Tensor, camera: Tensor, camera_centers: Tensor,
              absent: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        queries = torch.cat([self.lidar_projection(lidar), self.camera_projection(camera)], dim=1)
        positions = torch.cat([lidar_centers, camera_centers], dim=1)
        queries = self.fusion(queries, positions, absent)
        outputs = self.fusion_branches(queries)
        outputs['center'] = outputs['center'] + positions.transpose(1, 2)
        return queries, outputs

    def loss(self, scene: SceneInput, instances: list[InstanceData]) -> dict[str, Tensor]:
        """Losses of every stage; ``instances`` hold ``bboxes_3d`` and ``labels_3d``."""
        return self.losses(self(scene), instances, scene.rig)

    def predict(self, scene: SceneInput) -> list[InstanceData]:
        """``bboxes_3d``, ``scores_3d``, ``labels_3d`` of each sample."""
        return self.predict_of(self(scene))

    def predict_of(self, output: FusionOutput) -> list[InstanceData]:
        """Detections of an output; none where a sample has no candidates."""
        boxes = self.coder.decode(self.coder.stack(output.fused))
        scores = fused_scores(output)
        there = peak_heights(output.peaks, output.camera.peaks) > 0
        return [select_detections(boxes[row][there[row]], scores[row][there[row]],
                                  self.center_range, self.suppression)
                for row in range(len(boxes))]


def _as_published(suppression: Suppression, published: SparseFusionPublished) -> Suppression:
    if published.radii is not None:
        suppression = replace(suppression, radii=published.radii)
    return replace(suppression, squared_radius=published.squared_radius,
                   zero_scores=published.zero_scores)


def peak_heights(lidar: Peaks, camera: Peaks) -> Tensor:  # [B, Q]
    """Scores of the peaks that candidates come from; 0 fills up where there are fewer."""
    return torch.cat([lidar.scores, camera.scores], dim=1)


def fused_scores(output: FusionOutput) -> Tensor:  # [B, Q, K]
    """Scores of the fused candidates: their own probability times that of their peak.

    A camera candidate counts half, and only if its decoder finds the class of its peak.

    Source: SparseFusion (ICCV 2023), released code.
    """
    logits, lidar = output.fused['heatmap'], output.peaks
    count = lidar.labels.shape[1]
    camera = output.camera.peaks
    agrees = output.camera.outputs['cls'].argmax(1) == camera.labels
    camera = Peaks(camera.labels, camera.cells, CAMERA_SHARE * camera.scores * agrees)
    return torch.cat([peak_scores(logits[..., :count], lidar),
                      peak_scores(logits[..., count:], camera)], dim=1)
