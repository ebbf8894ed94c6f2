"""Two-stage detectors on sparse voxels: Voxel R-CNN and PV-RCNN."""
from __future__ import annotations

from typing import Any

from mmdet3d.models.detectors import Base3DDetector
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from torch import Tensor

from focalsconv.proposals import ProposalOptions, Proposals, propose
from sparse3d.models.detectors.voxel_backbone import VoxelBackbone
from sparse3d.published import hand_down


@MODELS.register_module()
class TwoStageVoxelDetector(Base3DDetector):
    """Encode, make proposals with an anchor head, then score and correct them.

    Args:
        voxel_encoder, middle_encoder, backbone, neck, image_encoder, data_preprocessor: as of
            ``VoxelDetector``; the middle encoder is one
            whose auxiliary result has the sparse outputs of its ``stages``.
        rpn_head: config of an ``Anchor3DHead`` of one level.
        roi_head: config of a :class:`RoIHead`.
        keypoint_encoder: config of a :class:`KeypointEncoder` for PV-RCNN, or None.
        proposals: ``train`` and ``test``: the fields of :class:`ProposalOptions`.
        published: quirks of the parts, see :class:`focalsconv.published.FocalsConvPublished`.

    Source: Voxel R-CNN (AAAI 2021); PV-RCNN (CVPR 2020).
    """

    def __init__(self, voxel_encoder: dict, middle_encoder: dict, backbone: dict, neck: dict,
                 rpn_head: dict, roi_head: dict, proposals: dict,
                 keypoint_encoder: dict | None = None, image_encoder: dict | None = None,
                 published: dict | None = None, data_preprocessor: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        middle_encoder, image_encoder = hand_down(
            published, middle_encoder=middle_encoder, image_encoder=image_encoder)
        VoxelBackbone.build(self, voxel_encoder, middle_encoder, backbone, neck)
        self.rpn_head = MODELS.build(rpn_head)
        self.roi_head = MODELS.build(roi_head)
        self.keypoint_encoder = keypoint_encoder and MODELS.build(keypoint_encoder)
        self.image_encoder = image_encoder and MODELS.build(image_encoder)
        self.proposals = {mode: ProposalOptions(**options) for mode, options in proposals.items()}

    @property
    def voxel_backbone(self) -> VoxelBackbone:
        """All between the voxels and the heads."""
        return VoxelBackbone.of(self)

    def extract_feat(self, batch_inputs: dict, data_samples: list[Det3DDataSample] | None = None,
                     ) -> dict[str, Any]:
        """All features: ``bev``, ``stages``, ``maps``, ``auxiliary`` and, if any, ``keypoints``."""
        views = None if self.image_encoder is None else self.image_encoder(
            batch_inputs['imgs'], data_samples)
        found = self.voxel_backbone(batch_inputs['voxels'], len(batch_inputs['points']), views)
        features = dict(bev=found.encoded, stages=found.auxiliary.stages,
                        auxiliary=found.auxiliary, maps=found.maps)
        if self.keypoint_encoder is not None:
            features['keypoints'] = self.keypoint_encoder(batch_inputs['points'], features)
        return features

    def loss(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
             **kwargs) -> dict[str, Tensor]:
        """Losses of both stages, of the keypoints and of the middle encoder."""
        features = self.extract_feat(batch_inputs, data_samples)
        objects = [sample.gt_instances_3d for sample in data_samples]
        boxes = [truth.bboxes_3d.tensor[:, :7] for truth in objects]
        outputs = self.rpn_head(features['maps'])
        losses = {f'rpn_{name}': value for name, value in self.rpn_head.loss_by_feat(
            *outputs, objects, [sample.metainfo for sample in data_samples]).items()}
        proposals = propose(self.rpn_head, outputs, self.proposals['train'])
        losses.update(self.roi_head.loss(features, proposals, objects))
        if self.keypoint_encoder is not None:
            losses.update(self.keypoint_encoder.losses(features['keypoints'], boxes))
        losses.update(self.voxel_backbone.auxiliary_losses(features['auxiliary'], data_samples))
        return losses

    def predict(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
                **kwargs) -> list[Det3DDataSample]:
        """``pred_instances_3d`` for each sample: boxes in the LiDAR frame, scores, labels."""
        features, proposals = self._proposals(batch_inputs, data_samples)
        return self.add_pred_to_datasample(data_samples, self.roi_head.predict(features, proposals))

    def _forward(self, batch_inputs: dict, data_samples: list[Det3DDataSample] | None = None,
                 **kwargs) -> dict[str, Any]:
        """Raw outputs: all features, ``proposals``, and ``scores`` and ``box_deltas`` of these."""
        features, proposals = self._proposals(batch_inputs, data_samples)
        scores, box_deltas = self.roi_head(features, proposals)
        return dict(features, proposals=proposals, scores=scores, box_deltas=box_deltas)

    def _proposals(self, batch_inputs: dict, data_samples: list[Det3DDataSample] | None,
                   ) -> tuple[dict[str, Any], list[Proposals]]:
        features = self.extract_feat(batch_inputs, data_samples)
        outputs = self.rpn_head(features['maps'])
        return features, propose(self.rpn_head, outputs, self.proposals['test'])
