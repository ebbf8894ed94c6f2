"""Sparse4D: image backbone, pyramid, and a head whose instances live from frame to frame."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmdet3d.models.detectors import Base3DDetector
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from torch import Tensor

from sparse3d.errors import ConfigError, DataError
from sparse3d.models.backbones.image_objects import images_with_objects
from sparse3d.models.backbones.seen_images import SeenImages, image_maps
from sparse3d.ops.packed_maps import pack_maps
from sparse3d.published import hand_down
from sparse4d.denoising import CachedGroups
from sparse4d.frame import Frame
from sparse4d.frames_head import FrameQueue
from sparse4d.frames_training import Sparse4DFramesTraining, earlier_frames
from sparse4d.instance_bank import BankState
from sparse4d.training import DenoisingPass, Objects, focal_lengths, stacked_depth_maps


@dataclass(frozen=True)
class LastTrainingFrame:
    """What a training keeps of a frame for the next one, whose samples go on in the same places.

    Attributes:
        bank: see :class:`~sparse4d.instance_bank.BankState`.
        groups: denoising groups that go on.
    """

    bank: BankState | None = None
    groups: CachedGroups | None = None


@MODELS.register_module()
class Sparse4D(Base3DDetector):
    """Multi-camera detector with a memory of instances.

    The detector itself keeps nothing between calls of :meth:`predict`: each is the first frame of
    its streams. Who drives streams hands a state in and out, see :meth:`detect`. In training it
    does keep the frame before (``last_frame``), since a training loop knows no states; what is kept
    goes into no checkpoint, so that the first frames after a resume are first ones.

    Args:
        backbone: config of the image backbone.
        bbox_head: config of the head.
        neck: config of the feature pyramid, or None.
        data_preprocessor: config of the preprocessor, which gives ``imgs`` [B, N, 3, H, W].
        image_mask: config of an augmentation of normalized images [M, 3, H, W] in training
            (GridMask), or None.
        training: config of what it learns by, see :class:`sparse4d.training.Sparse4DTraining`;
            None: it cannot be trained.
        depth_branch: config of a :class:`sparse4d.depth_branch.DepthBranch`, in training alone.
        float32_head: the head runs in float32 even under autocast, as published.
        published: quirks of the parts, see :class:`sparse4d.published.Sparse4DPublished`.

    Source: Sparse4D (arXiv 2211.10581, 2305.14018, 2311.11722).
    """

    def __init__(self, backbone: dict, bbox_head: dict, neck: dict | None = None,
                 data_preprocessor: dict | None = None, image_mask: dict | None = None,
                 training: dict | None = None, depth_branch: dict | None = None,
                 float32_head: bool = True, published: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        backbone, bbox_head, training = hand_down(
            published, backbone=backbone, bbox_head=bbox_head, training=training)
        self.backbone = MODELS.build(backbone)
        self.neck = MODELS.build(neck) if neck is not None else None
        self.bbox_head = MODELS.build(bbox_head)
        self.image_mask = MODELS.build(image_mask) if image_mask is not None else None
        self.losses = None if training is None else MODELS.build(
            _with_classes(training, self.bbox_head.num_classes))
        self.depth_branch = MODELS.build(depth_branch) if depth_branch is not None else None
        self.float32_head = float32_head
        self.last_frame = LastTrainingFrame()

    def extract_feat(self, batch_inputs: dict, seen: SeenImages | None = None) -> list[Tensor]:
        """Feature maps L x [B, N, C, H_l, W_l] of ``imgs`` [B, N, 3, H, W].

        Args:
            seen: what the backbone may know of the images besides, and tells back.
        """
        images = batch_inputs['imgs']
        flat = images.flatten(0, 1)
        if self.training and self.image_mask is not None:
            flat = self.image_mask(flat)
        maps = image_maps(self.backbone, flat, seen or SeenImages(images.shape[1]))
        maps = self.neck(maps) if self.neck is not None else maps
        return [level.unflatten(0, images.shape[:2]) for level in maps]

    def seen(self, batch_inputs: dict, data_samples: list[Det3DDataSample] | None,
             losses: dict[str, Tensor] | None = None) -> tuple[list[Tensor], Frame]:
        """Feature maps of a batch, and its frame.

        Args:
            losses: in training, where those of the image backbone go.
        """
        frame = self.frame_of(batch_inputs['imgs'], data_samples)
        truth = None if losses is None else [sample.gt_instances_3d for sample in data_samples]
        seen = images_with_objects(self.backbone, frame.cameras, truth)
        images = frame.cameras.without_missing(batch_inputs['imgs'])
        maps = self.extract_feat(dict(imgs=images), seen)
        if losses is not None:
            losses.update(seen.losses)
        return maps, frame

    def predict(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
                **kwargs) -> list[Det3DDataSample]:
        """``pred_instances_3d`` for each sample: boxes in the LiDAR frame, scores, labels."""
        found, _ = self.detect(*self.seen(batch_inputs, data_samples))
        return self.add_pred_to_datasample(data_samples, found)

    def detect(self, maps: Sequence[Tensor], frame: Frame, state: Any = None) -> tuple[list, Any]:
        """Detections from feature maps L x [B, N, C, H_l, W_l], and the state for the next frame.

        Args:
            state: that this gave for the frame before; None: there is none.
        """
        with self.head_precision(maps):
            return self.bbox_head.predict(self.for_head(maps), frame, state)

    def loss(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
             **kwargs) -> dict[str, Tensor]:
        """Losses of all layers, of denoising and of dense depth.

        Raises:
            ConfigError: if the config has no ``training``.
            DataError: if the samples lack what it learns from.
        """
        if self.losses is None:
            raise ConfigError('the model has no losses to train with: set '
                              "model.training=dict(type='Sparse4DTraining')")
        if isinstance(self.losses, Sparse4DFramesTraining):
            return self._losses_of_frames(batch_inputs, data_samples)
        of_backbone: dict[str, Tensor] = {}
        maps, frame = self.seen(batch_inputs, data_samples, of_backbone)
        objects = Objects.of([sample.gt_instances_3d for sample in data_samples], maps[0].device)
        with self.head_precision(maps):
            losses = self.instance_losses(self.for_head(maps), frame, objects)
            if self.depth_branch is not None:
                metas = [sample.metainfo for sample in data_samples]
                focal = focal_lengths(metas, maps[0].shape[1]).to(maps[0].device)
                depths = self.depth_branch(maps, focal)
                losses['loss_dense_depth'] = self.depth_branch.loss(
                    depths, stacked_depth_maps(batch_inputs))
        return {**losses, **of_backbone}

    def _losses_of_frames(self, batch_inputs: dict, data_samples: list[Det3DDataSample]
                          ) -> dict[str, Tensor]:
        """Losses of a head that reads several frames, whose images come with the sample (v1)."""
        images, metas = batch_inputs['imgs'], [sample.metainfo for sample in data_samples]
        frame, earlier = earlier_frames(metas, tuple(images.shape[-2:]), images.device)
        parts = images.chunk(len(earlier) + 1, 1)
        seen = images_with_objects(self.backbone, frame.cameras,
                                   [sample.gt_instances_3d for sample in data_samples])
        maps = self.extract_feat(dict(imgs=frame.cameras.without_missing(parts[0])), seen)
        with torch.no_grad():
            before = [self.extract_feat(dict(imgs=other.cameras.without_missing(part)),
                                        images_with_objects(self.backbone, other.cameras, None))
                      for part, (other, _) in zip(parts[1:], earlier, strict=True)]
        objects = Objects.of([sample.gt_instances_3d for sample in data_samples], images.device)
        with self.head_precision(maps):
            queue = FrameQueue(
                tuple((pack_maps(self.for_head(levels)), other)
                      for levels, (other, _) in zip(before, earlier, strict=True)),
                tuple(there for _, there in earlier))
            return {**self.frames_losses(self.for_head(maps), frame, queue, objects), **seen.losses}

    def frames_losses(self, maps: Sequence[Tensor], frame: Frame, queue: FrameQueue,
                      objects: Objects) -> dict[str, Tensor]:
        """Losses of the instances of a frame behind those of the queue (v1).

        Args:
            maps: L x [B, N, C, H_l, W_l].
        """
        outputs, _ = self.bbox_head(maps, frame, queue)
        losses = self.losses.of_outputs(outputs, None, objects, None)
        if self.bbox_head.depth is not None:
            losses['loss_depth'] = self.losses.depth_loss(self.bbox_head, maps, frame, objects)
        return losses

    def instance_losses(self, maps: Sequence[Tensor], frame: Frame, objects: Objects,
                        denoised: DenoisingPass | None = None, order: Tensor | None = None
                        ) -> dict[str, Tensor]:
        """Losses of the instances of a frame that follows the one in ``last_frame``.

        Args:
            maps: L x [B, N, C, H_l, W_l].
            denoised: denoising instances; default: drawn.
            order: see :func:`sparse4d.denoising.cache_groups`; default: drawn.
        """
        head, before = self.bbox_head, self.last_frame
        if denoised is None:
            sizes = head.bank.options.num_anchors, head.options.channels
            denoised = self.losses.noisy(objects, before.groups, sizes,
                                         head.published.swapped_yaw)
        outputs, bank = head(maps, frame, before.bank, denoised)
        noisy = None if denoised is None else outputs.of_noisy()
        losses = self.losses.of_outputs(outputs.of_learned(), noisy, objects, denoised)
        self.last_frame = LastTrainingFrame(
            bank, None if noisy is None else self.losses.cached(noisy, denoised, order))
        return losses

    def _forward(self, batch_inputs: dict, data_samples: list[Det3DDataSample] | None = None,
                 **kwargs) -> dict[str, Any]:
        """Raw outputs: ``features`` of the pyramid and ``head`` as the head gives them."""
        maps, frame = self.seen(batch_inputs, data_samples)
        with self.head_precision(maps):
            return {'features': maps, 'head': self.bbox_head(self.for_head(maps), frame)[0]}

    def frame_of(self, images: Tensor, data_samples: list[Det3DDataSample] | None) -> Frame:
        """Cameras, poses and times of a batch with images [B, N, 3, H, W]."""
        if data_samples is None:
            raise DataError('Sparse4D needs data samples with lidar2img, timestamp and '
                            'lidar2global')
        return Frame.of_batch([sample.metainfo for sample in data_samples],
                              tuple(images.shape[-2:]), images.device)

    def head_precision(self, maps: Sequence[Tensor]) -> torch.autocast:
        """The precision of the head, as a block."""
        kind = maps[0].device.type
        enabled = torch.is_autocast_enabled(kind) and not self.float32_head
        return torch.autocast(kind, enabled=enabled)

    def for_head(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Feature maps as the head reads them."""
        return [level.float() for level in maps] if self.float32_head else list(maps)


def _with_classes(training: Mapping[str, Any], num_classes: int) -> dict[str, Any]:
    """The config of the training with the number of classes that the head has.

    Raises:
        ConfigError: if it names another one.
    """
    given = training.get('num_classes', num_classes)
    if given != num_classes:
        raise ConfigError(f'model.training.num_classes is {given}, that of the head {num_classes}; '
                          f'leave the first one out')
    return dict(training, num_classes=num_classes)
