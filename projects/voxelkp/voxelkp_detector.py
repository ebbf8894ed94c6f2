"""The detector: voxels, sparse encoder, fusion on the ground, sparse keypoint head."""
from __future__ import annotations

from typing import Any

from mmdet3d.models.detectors import Base3DDetector
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from spconv.pytorch import SparseConvTensor

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from sparse3d.models.detectors.voxel_backbone import VoxelBackbone
from sparse3d.published import hand_down


@MODELS.register_module()
class VoxelKP(Base3DDetector):
    """People as boxes and joints, without a dense map anywhere.

    The encoder is one of

    * a module with ``forward(features, coordinates, batch_size)`` that gives sparse 3D levels,
      finest first (:class:`~voxelkp.sparse_keypoint_encoder.SparseKeypointEncoder`);
    * a :class:`~sparse3d.models.detectors.voxel_backbone.LearningMiddleEncoder` whose auxiliary
      result has the sparse 3D tensor ``output`` (Focals Conv): that is the only level.

    Args:
        voxel_encoder: Config of the per-voxel encoder.
        middle_encoder: Config of the sparse encoder.
        neck: Config of what takes the levels to a sparse 2D tensor.
        bbox_head: Config of the head; it has ``loss``, ``predict`` and ``forward``.
        published: quirks of the parts, see :class:`voxelkp.published.VoxelKPPublished`.
        data_preprocessor: Config of the preprocessor that makes the voxels.

    Source: VoxelKP (ICCV 2025).
    """

    def __init__(self, voxel_encoder: dict, middle_encoder: dict, neck: dict, bbox_head: dict,
                 published: dict | None = None, data_preprocessor: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        middle_encoder, neck, bbox_head = hand_down(
            published, middle_encoder=middle_encoder, neck=neck, bbox_head=bbox_head)
        VoxelBackbone.build(self, voxel_encoder, middle_encoder, neck=neck)
        self.bbox_head = MODELS.build(bbox_head)

    @property
    def voxel_backbone(self) -> VoxelBackbone:
        """All between the voxels and the neck."""
        return VoxelBackbone.of(self)

    def extract_feat(self, batch_inputs: dict) -> tuple[SparseConvTensor, Any]:
        """Sparse features on the ground, and what the encoder has to say in training.

        Args:
            batch_inputs: ``points`` (list of [N, C]) and ``voxels`` (``voxels`` [M, P, C],
                ``num_points`` [M], ``coors`` [M, 4] as frame, z, y, x).
        """
        batch_size = len(batch_inputs['points'])  # the last samples may have no voxel
        levels, auxiliary = self.voxel_backbone.encode(batch_inputs['voxels'], batch_size)
        return self.neck(levels if auxiliary is None else [auxiliary.output]), auxiliary

    def loss(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
             **kwargs: Any) -> dict:
        """Losses of the head and, if it has its own, of the encoder."""
        cells, auxiliary = self.extract_feat(batch_inputs)
        losses = self.bbox_head.loss(cells, data_samples, **kwargs)
        losses.update(self.voxel_backbone.auxiliary_losses(auxiliary, data_samples))
        return losses

    def predict(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
                **kwargs: Any) -> list[Det3DDataSample]:
        """``pred_instances_3d`` for each sample: boxes, scores, labels, ``keypoints_3d``."""
        cells, _ = self.extract_feat(batch_inputs)
        return self.add_pred_to_datasample(
            data_samples, self.bbox_head.predict(cells, data_samples, **kwargs))

    def _forward(self, batch_inputs: dict, data_samples: list[Det3DDataSample] | None = None,
                 **kwargs: Any) -> dict[str, Any]:
        """Raw outputs: the sparse features on the ground and what the head says of them."""
        cells, _ = self.extract_feat(batch_inputs)
        return {'features': cells, 'head': self.bbox_head(cells)}
