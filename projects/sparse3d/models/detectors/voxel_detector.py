"""A detector on voxels: encode, flatten to BEV, detect."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmdet3d.models.detectors import Base3DDetector
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from torch import Tensor

from sparse3d.published import hand_down

if TYPE_CHECKING:
    pass


@MODELS.register_module()
class VoxelDetector(Base3DDetector):
    """Voxel encoder, sparse middle encoder, 2D backbone and neck, one head.

    Any middle encoder of mmdet3d fits: ``forward(features, coordinates,
    batch_size)`` gives the BEV map. One that learns something of its own
    (Focals Conv: the importance of voxels) offers two more methods, and its
    losses are added to the head's:

    * ``encode(features, coordinates, batch_size)`` -> map, auxiliary outputs
    * ``auxiliary_losses(auxiliary, gt_boxes)`` -> dict of losses

    With an image encoder, ``encode`` gets what that made of the images as its fourth argument.

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
        self.voxel_encoder = MODELS.build(voxel_encoder)
        self.middle_encoder = MODELS.build(middle_encoder)
        self.backbone = MODELS.build(backbone)
        self.neck = MODELS.build(neck) if neck is not None else None
        self.bbox_head = MODELS.build(bbox_head)
        self.image_encoder = MODELS.build(image_encoder) if image_encoder is not None else None

    def extract_feat(self, batch_inputs: dict, data_samples: list[Det3DDataSample] | None = None,
                     ) -> tuple[list[Tensor], Any]:
        """Features of the map, and what the middle encoder has to say in training.

        Args:
            batch_inputs: ``points`` (list of [N, C]) and ``voxels``: of hard voxelization
                ``voxels`` [M, P, C], ``num_points`` [M], ``coors`` [M, 4] as batch, z, y, x;
                of dynamic voxelization (``voxel_type='dynamic'``) ``voxels`` [N, C] and
                ``coors`` [N, 4], one row a point. ``imgs`` for an image encoder.
            data_samples: for an image encoder: where the cameras stand.
        """
        views = None if self.image_encoder is None else self.image_encoder(
            batch_inputs['imgs'], data_samples)
        # The last samples may have no voxel.
        return self.extract_maps(batch_inputs['voxels'], len(batch_inputs['points']), views)

    def extract_maps(self, voxels: dict[str, Tensor], batch_size: int,
                     views: Any = None) -> tuple[list[Tensor], Any]:
        """:meth:`extract_feat` with the images already encoded, as ``views``."""
        features, coordinates = self._encode_voxels(voxels)
        encode = getattr(self.middle_encoder, 'encode', None)
        if encode is None:
            bev, auxiliary = self.middle_encoder(features, coordinates, batch_size), None
        else:
            bev, auxiliary = encode(features, coordinates, batch_size,
                                    *(() if views is None else (views, )))
        maps = self.backbone(bev)
        return list(self.neck(maps) if self.neck is not None else maps), auxiliary

    def _encode_voxels(self, voxels: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Features [M, C] and coordinates [M, 4]; dynamic encoders find the voxels themselves."""
        if 'num_points' not in voxels:
            return self.voxel_encoder(voxels['voxels'], voxels['coors'])
        features = self.voxel_encoder(voxels['voxels'], voxels['num_points'], voxels['coors'])
        return features, voxels['coors']

    def loss(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
             **kwargs) -> dict[str, Tensor]:
        """Losses of the head and of the middle encoder."""
        features, auxiliary = self.extract_feat(batch_inputs, data_samples)
        losses = self.bbox_head.loss(features, data_samples, **kwargs)
        if auxiliary is not None:
            boxes = [sample.gt_instances_3d.bboxes_3d.tensor[:, :7] for sample in data_samples]
            losses.update(self.middle_encoder.auxiliary_losses(auxiliary, boxes))
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
