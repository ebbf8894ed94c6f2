"""Sparse-Dense Fusion from points and images to boxes."""
from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from mmdet3d.models.detectors import Base3DDetector
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from torch import Tensor, nn

from sparse3d.errors import ConfigError
from sparse3d.models.backbones.image_objects import images_with_objects
from sparse3d.models.backbones.seen_images import image_maps
from sparse3d.models.detectors.voxel_backbone import VoxelBackbone
from sparse3d.models.heads.transfusion_head import TransFusionHead, TransFusionOutput
from sparse3d.ops.sparse_depth import sparse_depth
from sparse3d.structures.camera_rig import CameraRig, images_and_rig
from sparse_dense_fusion.query_fusion import QueryFusion

POINT_COLUMNS = 5       # x, y, z, intensity, age
DEPTH_STRIDE = 4        # pixels of an image per pixel of the LiDAR's depths


@dataclass
class SceneFeatures:
    """What the head and the branches need of a batch.

    Attributes:
        bev: [B, in_channels, H, W] map of the LiDAR; zeros for a sample without points.
        images: of each level [B * N, C, h, w], finest first; none without a branch.
        points: of each sample [P, 5]; for the depths of the images.
        rig: the cameras; None without a branch.
        evidence: [B] bool, whether there is anything to find objects by.
        auxiliary: of a middle encoder with losses of its own.
        image_losses: of an image backbone that has some, in training.
    """

    bev: Tensor
    images: list[Tensor]
    points: list[Tensor]
    rig: CameraRig | None
    evidence: Tensor
    auxiliary: Any = None
    image_losses: dict[str, Tensor] = field(default_factory=dict)


@dataclass
class FusedOutput:
    """What the detector says about a batch.

    Attributes:
        found: of the TransFusion head; with a sparse branch one more of ``layers``.
        cameras: [B, C, H, W] map of the cameras; None without a dense branch.
        coverage: [B, 1, H, W] 1 for cells that a camera covers.
        depth_logits: [B * N, bins, h, w] of the depths.
    """

    found: TransFusionOutput
    cameras: Tensor | None = None
    coverage: Tensor | None = None
    depth_logits: Tensor | None = None


@MODELS.register_module()
class SparseDenseFusion(Base3DDetector):
    """TransFusion-L with two branches from the cameras, each of which may be left out.

    The dense branch (``camera_lift`` and ``map_fusion``) fuses maps before queries are chosen,
    the sparse one (``query_fusion``) lets the decoded queries look into the images. Without both
    this is TransFusion-L, whose parts have their names here too, so that its checkpoints fit.
    Untrained branches change nothing.

    A sample without points, without images, or without some of its cameras (``image_valid`` among
    its metas) is detected with what there is; the first such sample is reported.

    Args:
        voxel_encoder, middle_encoder, backbone, neck: configs of the LiDAR's parts.
        bbox_head: config of a ``TransFusionHead``.
        image_backbone, image_neck: configs of the cameras' parts; None without a branch.
        camera_lift: config of a :class:`CameraLift`, or None.
        map_fusion: config of a :class:`MapFusion`, or None; both or none.
        query_fusion: config of a :class:`QueryFusion`, or None.
        freeze_lidar: the LiDAR's parts up to the map, trained before, stay as they are.
        use_lidar: False takes all points away, in training and testing.
        use_cameras: False takes all images away.
        data_preprocessor: config of the preprocessor that makes voxels and stacks images.

    Raises:
        ConfigError: if parts that belong together are not all there.

    Source: SDF (IROS 2023), abstract; the form of both branches is inferred, see the README.
    """

    def __init__(self, voxel_encoder: dict, middle_encoder: dict, backbone: dict, neck: dict,
                 bbox_head: dict, image_backbone: dict | None = None,
                 image_neck: dict | None = None, camera_lift: dict | None = None,
                 map_fusion: dict | None = None, query_fusion: dict | None = None,
                 freeze_lidar: bool = False, use_lidar: bool = True, use_cameras: bool = True,
                 data_preprocessor: dict | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        parts = dict(image_backbone=image_backbone, image_neck=image_neck, camera_lift=camera_lift,
                     map_fusion=map_fusion, query_fusion=query_fusion)
        _refuse_half_a_branch(parts)
        VoxelBackbone.build(self, voxel_encoder, middle_encoder, backbone, neck)
        self.bbox_head = MODELS.build(bbox_head)
        if not self.bbox_head.beginning.has_heat:
            raise ConfigError("SparseDenseFusion weighs the peaks of its head's heat map; "
                              "bbox_head.queries has to be dict(type='heatmap')")
        for name, config in parts.items():
            setattr(self, name, None if config is None else MODELS.build(config))
        self.freeze_lidar = freeze_lidar
        self.use_lidar, self.use_cameras = use_lidar, use_cameras
        self._said: set[str] = set()
        if freeze_lidar:
            for part in self.lidar_parts():
                part.requires_grad_(False)

    @property
    def has_branch(self) -> bool:
        """Whether images are looked at."""
        return self.camera_lift is not None or self.query_fusion is not None

    @property
    def voxel_backbone(self) -> VoxelBackbone:
        """All between the voxels and the map that the head gets."""
        return VoxelBackbone.of(self)

    def lidar_parts(self) -> list[nn.Module]:
        """Modules that the first stage of training brings along and that stay."""
        return [self.voxel_encoder, self.middle_encoder, self.backbone, self.neck,
                self.bbox_head.shared]

    def train(self, mode: bool = True) -> SparseDenseFusion:
        """Switch to training; frozen parts stay in evaluation, statistics included."""
        super().train(mode)
        if mode and self.freeze_lidar:
            for part in self.lidar_parts():
                part.eval()
        return self

    def extract_feat(self, batch_inputs: dict,
                     data_samples: list[Det3DDataSample]) -> SceneFeatures:
        """Features of LiDAR and cameras.

        Args:
            batch_inputs: ``points`` (list of [N, 5]), ``voxels``, ``imgs`` [B, N, 3, H, W].
            data_samples: with ``lidar2img`` among their metas, where images are looked at.
        """
        device = next(self.bbox_head.parameters()).device
        batch = len(data_samples)
        points, voxels = (batch_inputs.get(name) if self.use_lidar else None
                          for name in ('points', 'voxels'))
        points = points or [torch.zeros(0, POINT_COLUMNS, device=device) for _ in range(batch)]
        bev, evidence, auxiliary = self.lidar_map(voxels, batch, device)
        if self.use_lidar and not all(map(len, points)):
            self._report('LiDAR points')
        if not self.has_branch:
            return SceneFeatures(bev, [], points, None, evidence, auxiliary)
        images, rig, image_losses = self._images(batch_inputs.get('imgs'), data_samples, device)
        if self.camera_lift is not None:
            evidence = evidence | rig.valid.any(1)
        return SceneFeatures(bev, images, points, rig, evidence, auxiliary, image_losses)

    def lidar_map(self, voxels: dict | None, batch: int,
                  device: torch.device | str) -> tuple[Tensor, Tensor, Any]:
        """The LiDAR's map, which samples [B] have voxels, and what is auxiliary."""
        width, height = self.bbox_head.coder.map_size
        occupied = torch.zeros(batch, dtype=torch.bool, device=device)
        if voxels is None or not len(voxels['coors']):
            channels = self.bbox_head.shared.in_channels
            return torch.zeros(batch, channels, height, width, device=device), occupied, None
        features = self.voxel_backbone(voxels, batch)
        occupied[voxels['coors'][:, 0].long()] = True
        # As if the sample were alone: normalizations make something of nothing.
        bev = features.maps[0].masked_fill(~occupied[:, None, None, None], 0)
        return bev, occupied, features.auxiliary

    def detect(self, scene: SceneFeatures) -> FusedOutput:
        """Maps, queries and boxes of a batch."""
        bev = self.bbox_head.map_of(scene.bev)
        cameras = coverage = logits = None
        if self.camera_lift is not None:
            depth = sparse_depth(scene.points, scene.rig, DEPTH_STRIDE)
            cameras, coverage, logits = self.camera_lift(
                scene.images, depth, scene.rig, self.bbox_head.coder)
            bev = self.map_fusion(bev, cameras)
        found = self.bbox_head.detect_on(bev)
        if self.query_fusion is not None:
            found = look_again(self.bbox_head, self.query_fusion, found, scene.images, scene.rig)
        scores = found.peaks.scores * scene.evidence[:, None]  # nothing to go by, nothing found
        return FusedOutput(replace(found, peaks=replace(found.peaks, scores=scores)), cameras,
                           coverage, logits)

    def loss(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
             **kwargs) -> dict[str, Tensor]:
        """Losses of the head, one set for each layer; of the depths and of a middle encoder,
        where they have any."""
        scene = self.extract_feat(batch_inputs, data_samples)
        output = self.detect(scene)
        losses = self.bbox_head.loss_of(
            output.found, [sample.gt_instances_3d for sample in data_samples])
        lift = self.camera_lift
        if lift is not None and lift.depth_loss_weight:
            stride = scene.rig.image_size[0] // output.depth_logits.shape[-2]
            losses['loss_depth'] = lift.depth_loss(
                output.depth_logits, sparse_depth(scene.points, scene.rig, stride))
        losses.update(self.voxel_backbone.auxiliary_losses(scene.auxiliary, data_samples))
        losses.update(scene.image_losses)
        return losses

    def predict(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
                **kwargs) -> list[Det3DDataSample]:
        """``pred_instances_3d`` for each sample: boxes in the LiDAR frame, scores, labels."""
        output = self.detect(self.extract_feat(batch_inputs, data_samples))
        return self.add_pred_to_datasample(data_samples, self.bbox_head.predict_of(output.found))

    def _forward(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
                 **kwargs) -> FusedOutput:
        """Raw outputs."""
        return self.detect(self.extract_feat(batch_inputs, data_samples))

    def _images(self, images: Tensor | None, samples: list[Det3DDataSample],
                device: torch.device) -> tuple[list[Tensor], CameraRig, dict[str, Tensor]]:
        """Feature maps, cameras, and what the image backbone adds to the losses."""
        images, rig = images_and_rig(
            images, [sample.metainfo for sample in samples], device, self.use_cameras)
        if self.use_cameras and not rig.cameras.complete:
            self._report('one or more camera images')
        truth = [sample.get('gt_instances_3d') for sample in samples] if self.training else None
        seen = images_with_objects(self.image_backbone, rig.cameras, truth)
        maps = self.image_neck(image_maps(self.image_backbone, images.flatten(0, 1), seen))
        return list(maps), rig, seen.losses

    def _report(self, what: str) -> None:
        """Say once that something is missing."""
        if what not in self._said:
            self._said.add(what)
            warnings.warn(f'a sample lacks {what}; it is detected with the rest, and '
                          'further such samples are not reported', stacklevel=2)


def look_again(head: TransFusionHead, fusion: QueryFusion, found: TransFusionOutput,
               images: list[Tensor], rig: CameraRig) -> TransFusionOutput:
    """One more layer: queries that looked into the images, and what the branches read off them.

    Centers are added to what the last layer's were added to, so that equal queries give equal
    boxes.
    """
    boxes = head.coder.decode(head.coder.stack(found.layers[-1]).detach())
    queries = fusion(found.queries, boxes, images, rig)
    layer = head.decoder.branches(queries)
    layer['center'] = layer['center'] + found.positions.transpose(1, 2)
    return replace(found, queries=queries, layers=[*found.layers, layer])


def _refuse_half_a_branch(parts: dict[str, dict | None]) -> None:
    """Raise ConfigError where a branch lacks a part."""
    there = {name for name, config in parts.items() if config is not None}
    branch = there & {'camera_lift', 'map_fusion', 'query_fusion'}
    needed = set(branch)
    if branch & {'camera_lift', 'map_fusion'}:
        needed |= {'camera_lift', 'map_fusion'}
    if branch:
        needed |= {'image_backbone', 'image_neck'}
    if needed - there or there - needed:
        lacking, idle = sorted(needed - there), sorted(there - needed)
        raise ConfigError(
            'SparseDenseFusion: ' + '; '.join([
                *([f'{", ".join(sorted(there))} need {", ".join(lacking)} as well'] if lacking
                  else []),
                *([f'{", ".join(idle)} serve no branch: set them to None'] if idle else [])])
            + ' (the dense branch is camera_lift and map_fusion, the sparse one query_fusion)')
