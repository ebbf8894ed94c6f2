"""SAFDNet: voxels, sparse encoder, adaptive feature diffusion, a sparse head."""
from __future__ import annotations

from typing import Any

from mmdet3d.models.detectors import Base3DDetector
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from spconv.pytorch import SparseConvTensor
from torch import Tensor

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from safdnet.feature_diffusion import Diffusion
from sparse3d.models.detectors.voxel_backbone import VoxelBackbone
from sparse3d.published import hand_down


@MODELS.register_module()
class SAFDNet(Base3DDetector):
    """A detector without a dense map: its work grows with what was scanned, not with the range.

    Args:
        voxel_encoder: Config of the encoder of voxels.
        middle_encoder: Config of what makes them a sparse map (sample, y, x):
            :class:`~safdnet.sparse_encoder.SAFDNetEncoder`.
        diffusion: Config of :class:`~safdnet.feature_diffusion.AdaptiveFeatureDiffusion`; None
            leaves the map as it is.
        bbox_head: Config of a sparse head; it has ``loss``, ``predict`` and ``forward``.
        published: quirks of the parts, see :class:`safdnet.published.SAFDNetPublished`.
        data_preprocessor: Config of the preprocessor that makes the voxels.

    Source: SAFDNet (CVPR 2024).
    """

    def __init__(self, voxel_encoder: dict, middle_encoder: dict, bbox_head: dict,
                 diffusion: dict | None = None, published: dict | None = None,
                 data_preprocessor: dict | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        voxel_encoder, middle_encoder, diffusion, bbox_head = hand_down(
            published, voxel_encoder=voxel_encoder, middle_encoder=middle_encoder,
            diffusion=diffusion, bbox_head=bbox_head)
        VoxelBackbone.build(self, voxel_encoder, middle_encoder)
        self.diffusion = None if diffusion is None else MODELS.build(diffusion)
        self.bbox_head = MODELS.build(bbox_head)

    @property
    def voxel_backbone(self) -> VoxelBackbone:
        """All between the voxels and the map."""
        return VoxelBackbone.of(self)

    def extract_feat(self, batch_inputs: dict) -> tuple[SparseConvTensor, Diffusion | None]:
        """The sparse map for the head, and what the diffusion found.

        Args:
            batch_inputs: ``points`` (list of [N, C]) and ``voxels``, see
                :meth:`VoxelBackbone.__call__`.
        """
        batch_size = len(batch_inputs['points'])  # the last samples may have no voxel
        cells, _ = self.voxel_backbone.encode(batch_inputs['voxels'], batch_size)
        return (cells, None) if self.diffusion is None else self.diffusion(cells)

    def loss(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
             **kwargs: Any) -> dict[str, Tensor]:
        """Losses of the head and of the diffusion's branch."""
        cells, found = self.extract_feat(batch_inputs)
        losses = self.bbox_head.loss(cells, data_samples, **kwargs)
        if found is not None:
            objects = [sample.gt_instances_3d for sample in data_samples]
            losses.update(self.diffusion.losses(
                found, [own.bboxes_3d.tensor for own in objects],
                [own.labels_3d for own in objects]))
        return losses

    def predict(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
                **kwargs: Any) -> list[Det3DDataSample]:
        """``pred_instances_3d`` for each sample: boxes in the LiDAR frame, scores, labels."""
        cells, _ = self.extract_feat(batch_inputs)
        return self.add_pred_to_datasample(
            data_samples, self.bbox_head.predict(cells, data_samples, **kwargs))

    def _forward(self, batch_inputs: dict, data_samples: list[Det3DDataSample] | None = None,
                 **kwargs: Any) -> dict[str, Any]:
        """Raw outputs: the sparse map and what the head says of it."""
        cells, _ = self.extract_feat(batch_inputs)
        return {'features': cells, 'head': self.bbox_head(cells)}
