"""A detector on voxels: encode, flatten to BEV, detect."""
from __future__ import annotations

from typing import Any

from mmdet3d.models.detectors import Base3DDetector
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from torch import Tensor

from sparse3d.models.detectors.voxel_backbone import VoxelBackbone
from sparse3d.published import hand_down


@MODELS.register_module()
class VoxelDetector(Base3DDetector):
    """Voxel encoder, sparse middle encoder, 2D backbone and neck, one head.

    Any middle encoder of mmdet3d fits that gives a map; the losses of one that learns something
    of its own (:class:`~sparse3d.models.detectors.voxel_backbone.LearningMiddleEncoder`) are
    added to the head's. With an image encoder it gets what that made of the images.

    Args:
        voxel_encoder: Config of the per-voxel encoder.
        middle_encoder: Config of the sparse encoder.
        backbone: Config of the 2D backbone on the map [B, C, H, W].
        neck: Config of the 2D neck, or None.
        bbox_head: Config of the head; it has ``loss``, ``predict`` and ``forward``.
        image_encoder: Config of a module ``forward(imgs, data_samples)``, or None.
        published: published quirks of the parts, see :mod:`sparse3d.published`.
        data_preprocessor: Config of the preprocessor that makes the voxels.
    """

    def __init__(self, voxel_encoder: dict, middle_encoder: dict, backbone: dict,
                 bbox_head: dict, neck: dict | None = None, image_encoder: dict | None = None,
                 published: dict | None = None, data_preprocessor: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        voxel_encoder, middle_encoder, backbone, neck, bbox_head, image_encoder = hand_down(
            published, voxel_encoder=voxel_encoder, middle_encoder=middle_encoder,
            backbone=backbone, neck=neck, bbox_head=bbox_head, image_encoder=image_encoder)
        VoxelBackbone.build(self, voxel_encoder, middle_encoder, backbone, neck)
        self.bbox_head = MODELS.build(bbox_head)
        self.image_encoder = MODELS.build(image_encoder) if image_encoder is not None else None

    @property
    def voxel_backbone(self) -> VoxelBackbone:
        """All between the voxels and the head."""
        return VoxelBackbone.of(self)

    def extract_feat(self, batch_inputs: dict, data_samples: list[Det3DDataSample] | None = None,
                     ) -> tuple[list[Tensor], Any]:
        """Features of the map, and the ``auxiliary`` of the middle encoder, which its losses need.

        Args:
            batch_inputs: ``points`` (list of [N, C]) and ``voxels``, see
                :meth:`VoxelBackbone.__call__`. ``imgs`` for an image encoder.
            data_samples: for an image encoder: where the cameras stand.
        """
        views = None if self.image_encoder is None else self.image_encoder(
            batch_inputs['imgs'], data_samples)
        # The last samples may have no voxel.
        return self.extract_maps(batch_inputs['voxels'], len(batch_inputs['points']), views)

    def extract_maps(self, voxels: dict[str, Tensor], batch_size: int,
                     views: Any = None) -> tuple[list[Tensor], Any]:
        """:meth:`extract_feat` with the images already encoded, as ``views``."""
        features = self.voxel_backbone(voxels, batch_size, views)
        return features.maps, features.auxiliary

    def loss(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
             **kwargs) -> dict[str, Tensor]:
        """Losses of the head and of the middle encoder."""
        features, auxiliary = self.extract_feat(batch_inputs, data_samples)
        losses = self.bbox_head.loss(features, data_samples, **kwargs)
        losses.update(self.voxel_backbone.auxiliary_losses(auxiliary, data_samples))
        return losses

    def predict(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
                **kwargs) -> list[Det3DDataSample]:
        """``pred_instances_3d`` for each sample: boxes in the LiDAR frame, scores, labels."""
        features, _ = self.extract_feat(batch_inputs, data_samples)
        return self.add_pred_to_datasample(
            data_samples, self.bbox_head.predict(features, data_samples, **kwargs))

    def _forward(self, batch_inputs: dict, data_samples: list[Det3DDataSample] | None = None,
                 **kwargs) -> dict[str, Any]:
        """Raw outputs: ``features`` of the neck and ``head`` as the head gives them."""
        features, _ = self.extract_feat(batch_inputs, data_samples)
        return {'features': features, 'head': self.bbox_head(features)}
