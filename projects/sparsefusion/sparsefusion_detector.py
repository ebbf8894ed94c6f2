"""SparseFusion from points and images to boxes."""
from __future__ import annotations

import warnings
from typing import Any

import torch
from mmdet3d.models.detectors import Base3DDetector
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from torch import Tensor, nn

from sparse3d.models.detectors.voxel_backbone import VoxelBackbone
from sparse3d.ops.sparse_depth import sparse_depth
from sparse3d.published import hand_down
from sparse3d.structures.camera_rig import CameraRig, images_and_rig
from sparsefusion.fusion_output import FusionOutput
from sparsefusion.published import SparseFusionPublished
from sparsefusion.sparsefusion_head import SceneInput
from sparsefusion.voxel_heights import voxel_heights

POINT_COLUMNS = 5       # x, y, z, intensity, age
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@MODELS.register_module()
class SparseFusion(Base3DDetector):
    """Two sparse detectors, LiDAR and cameras, and the fusion of their candidates.

    A sample without points, without images, or without some of its cameras
    (``image_valid`` among its metas) is detected with what there is; the first such
    sample is reported.

    Args:
        image_backbone: config of the 2D backbone.
        image_neck: config of the feature pyramid.
        voxel_encoder: config of the per-voxel encoder.
        middle_encoder: config of the sparse encoder.
        backbone: config of the 2D backbone on the map.
        neck: config of the neck on the map.
        bbox_head: config of :class:`SparseFusionHead`.
        freeze_lidar: the LiDAR's parts, trained before, stay as they are.
        use_lidar: False takes all points away, in training and testing.
        use_cameras: False takes all images away.
        published: quirks, see :class:`sparsefusion.published.SparseFusionPublished`; with
            ``frozen_statistics`` frozen batch normalizations normalize by the batch in training,
            and dropout stays on, as in the release; else they behave as in testing.
        data_preprocessor: config of the preprocessor that makes voxels and stacks images.

    Source: SparseFusion (ICCV 2023).
    """

    published_set = SparseFusionPublished

    def __init__(self, image_backbone: dict, image_neck: dict, voxel_encoder: dict,
                 middle_encoder: dict, backbone: dict, neck: dict, bbox_head: dict,
                 freeze_lidar: bool = False, use_lidar: bool = True, use_cameras: bool = True,
                 published: dict | SparseFusionPublished | None = None,
                 data_preprocessor: dict | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        (bbox_head, ) = hand_down(published, bbox_head=bbox_head)
        self.image_backbone = MODELS.build(image_backbone)
        self.image_neck = MODELS.build(image_neck)
        VoxelBackbone.build(self, voxel_encoder, middle_encoder, backbone, neck)
        self.bbox_head = MODELS.build(bbox_head)
        self.freeze_lidar = freeze_lidar
        self.batch_statistics = SparseFusionPublished.of(published).frozen_statistics
        self.use_lidar, self.use_cameras = use_lidar, use_cameras
        self._said: set[str] = set()
        if freeze_lidar:
            self._freeze()

    @property
    def voxel_backbone(self) -> VoxelBackbone:
        """All between the voxels and the map that the head gets."""
        return VoxelBackbone.of(self)

    def lidar_parts(self) -> list[nn.Module]:
        """Modules that the first stage of training brings along."""
        head = self.bbox_head
        return [self.voxel_encoder, self.middle_encoder, self.backbone, self.neck, head.shared,
                head.class_encoding, head.lidar_decoder]

    def train(self, mode: bool = True) -> SparseFusion:
        """Switch to training, frozen parts as configured."""
        super().train(mode)
        if mode and self.freeze_lidar and not self.batch_statistics:
            for part in self.lidar_parts():
                part.eval()
        return self

    def scene(self, batch_inputs: dict, data_samples: list[Det3DDataSample]) -> SceneInput:
        """Features of LiDAR and cameras, as the head wants them.

        Args:
            batch_inputs: ``points`` (list of [N, 5]), ``voxels``, ``imgs`` [B, N, 3, H, W].
            data_samples: with ``lidar2img`` among their metas.
        """
        device = next(self.bbox_head.parameters()).device
        batch = len(data_samples)
        points, voxels = (batch_inputs.get(name) if self.use_lidar else None
                          for name in ('points', 'voxels'))
        points = points or [torch.zeros(0, POINT_COLUMNS, device=device) for _ in range(batch)]
        images, rig = self._images(batch_inputs.get('imgs'), data_samples, device)
        bev, heights, occupied, auxiliary = self._map(voxels, batch, device)
        self._report(rig, occupied)
        depth = sparse_depth(points, rig, self.bbox_head.image_stride,
                             self.bbox_head.published.padding)
        return SceneInput(bev, heights, occupied, images, depth, rig, auxiliary)

    def loss(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
             **kwargs) -> dict[str, Tensor]:
        """Losses of all stages, and of a middle encoder that has its own."""
        scene = self.scene(batch_inputs, data_samples)
        losses = self.bbox_head.loss(scene, [sample.gt_instances_3d for sample in data_samples])
        losses.update(self.voxel_backbone.auxiliary_losses(scene.auxiliary, data_samples))
        return losses

    def predict(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
                **kwargs) -> list[Det3DDataSample]:
        """``pred_instances_3d`` for each sample: boxes in the LiDAR frame, scores, labels."""
        return self.add_pred_to_datasample(
            data_samples, self.bbox_head.predict(self.scene(batch_inputs, data_samples)))

    def _forward(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
                 **kwargs) -> FusionOutput:
        """Raw outputs of every stage of the head."""
        return self.bbox_head(self.scene(batch_inputs, data_samples))

    def extract_feat(self, batch_inputs: dict,
                     data_samples: list[Det3DDataSample]) -> SceneInput:
        """See :meth:`scene`."""
        return self.scene(batch_inputs, data_samples)

    def _images(self, images: Tensor | None, samples: list[Det3DDataSample],
                device: torch.device) -> tuple[list[Tensor], CameraRig]:
        images, rig = images_and_rig(
            images, [sample.metainfo for sample in samples], device, self.use_cameras)
        return list(self.image_neck(self.image_backbone(images.flatten(0, 1)))), rig

    def _map(self, voxels: dict | None, batch: int,
             device: torch.device) -> tuple[Tensor, Tensor, Tensor, Any]:
        """Map, heights and occupied cells, see :class:`SceneInput`, and what is auxiliary."""
        width, height = self.bbox_head.coder.map_size
        if voxels is None or not len(voxels['coors']):
            channels = self.bbox_head.shared.in_channels
            empty = torch.zeros(batch, height, width, device=device)
            return empty.new_zeros(batch, channels, height, width), empty, empty.bool(), None
        features = self.voxel_backbone(voxels, batch)
        stride = self.bbox_head.map_stride
        heights, occupied = voxel_heights(voxels['voxels'], voxels['num_points'], voxels['coors'],
                                          batch, (width, height), stride)
        return features.maps[0], heights, occupied, features.auxiliary

    def _report(self, rig: CameraRig, occupied: Tensor) -> None:
        """Say once that something is missing."""
        for missing, what in (
                (self.use_lidar and not occupied.flatten(1).any(1).all(), 'LiDAR points'),
                (self.use_cameras and not rig.cameras.complete, 'one or more camera images')):
            if missing and what not in self._said:
                self._said.add(what)
                warnings.warn(f'a sample lacks {what}; it is detected with the rest, and '
                              'further such samples are not reported', stacklevel=2)

    def _freeze(self) -> None:
        for part in self.lidar_parts():
            part.requires_grad_(False)
            for module in part.modules():
                if self.batch_statistics and isinstance(module, NORMS):
                    module.track_running_stats = False
