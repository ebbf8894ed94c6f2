"""SparseBEV: image backbone, pyramid, and a head that reads the images of all frames."""
from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import torch
from mmdet3d.models.detectors import Base3DDetector
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from torch import Tensor

from sparse3d.errors import ConfigError, DataError
from sparse3d.models.backbones.image_objects import images_with_objects
from sparse3d.models.backbones.seen_images import SeenImages, feature_settings, image_maps
from sparse3d.published import hand_down
from sparse3d.transforms.camera_frames import KINDS
from sparsebev.views import Views, views_of_batch


@MODELS.register_module()
class SparseBEV(Base3DDetector):
    """Multi-camera video detector.

    Args:
        backbone: config of the image backbone.
        bbox_head: config of the head; it says how many frames there are.
        neck: config of the feature pyramid, or None.
        data_preprocessor: config of the :class:`VideoPreprocessor`.
        image_mask: config of an augmentation of normalized images [M, 3, H, W] in training
            (GridMask), or None.
        frames_with_gradient: the backbone learns from so many frames only, the others pass it
            one by one in evaluation mode and unmasked; 0 for all.
        frame_kind: how the frames lie in time, the ``kind`` of the data's ``frames``: ``'past'``,
            ``'future'`` or ``'interleaved'``; :meth:`stream` follows it.
        cache_frames: who drives a sequence (:class:`sparsebev.driven_sequence.DrivenSequence`:
            ``tools/test.py``, a validation) keeps the features of so many frames, so that the
            backbone sees each frame of a drive once however many frames a sample has; 0 for none.
            The detector itself keeps nothing.
        float32_head: the head runs in float32 even under autocast, as published.
        published: quirks of the parts, see :class:`sparsebev.published.SparseBEVPublished`.

    Raises:
        ConfigError: for an unknown ``frame_kind``.

    Source: SparseBEV (ICCV 2023).
    """

    def __init__(self, backbone: dict, bbox_head: dict, neck: dict | None = None,
                 data_preprocessor: dict | None = None, image_mask: dict | None = None,
                 frames_with_gradient: int = 0, frame_kind: str = 'past',
                 cache_frames: int = 0, float32_head: bool = True, published: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        if frame_kind not in KINDS:
            raise ConfigError(f'frame_kind is {frame_kind!r}; use one of {", ".join(KINDS)}')
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        backbone, bbox_head = hand_down(published, backbone=backbone, bbox_head=bbox_head)
        self.backbone = MODELS.build(backbone)
        self.neck = MODELS.build(neck) if neck is not None else None
        self.bbox_head = MODELS.build(bbox_head)
        self.image_mask = MODELS.build(image_mask) if image_mask is not None else None
        self.frames_with_gradient, self.frame_kind = frames_with_gradient, frame_kind
        self.float32_head = float32_head
        self.cache_frames = cache_frames

    @property
    def num_frames(self) -> int:
        """Frames that the head reads."""
        return self.bbox_head.num_frames

    def extract_feat(self, batch_inputs: dict, seen: SeenImages | None = None) -> list[Tensor]:
        """Feature maps L x [B, T*N, C, H_l, W_l] of ``imgs`` [B, T*N, 3, H, W].

        Args:
            seen: what the backbone may know of the images besides, and tells back.
        """
        images = batch_inputs['imgs']
        cameras = images.shape[1] // self.num_frames
        seen = SeenImages(cameras) if seen is None else seen
        learning = self.frames_with_gradient
        if not (self.training and 0 < learning < self.num_frames):
            return self._maps(images, seen)
        frames = images.unflatten(1, (self.num_frames, -1))
        learned = seen.of_first(learning * cameras, images.shape[1])
        parts = [self._maps(frames[:, :learning].flatten(1, 2), learned)]
        seen.losses.update(learned.losses)
        parts += self._maps_without_learning(frames[:, learning:])
        return [torch.cat(level, 1) for level in zip(*parts, strict=True)]

    def maps_of_images(self, images: Tensor, mask: bool = True,
                       seen: SeenImages | None = None) -> list[Tensor]:
        """Feature maps L x [M, C, H_l, W_l] of images [M, 3, H, W], masked in training.

        Args:
            seen: None takes them for those of one frame.
        """
        if self.training and mask and self.image_mask is not None:
            images = self.image_mask(images)
        maps = image_maps(self.backbone, images, seen or SeenImages(len(images)))
        return list(self.neck(maps) if self.neck is not None else maps)

    def feature_settings(self) -> Hashable:
        """What the features depend on besides the weights, see :func:`feature_settings`."""
        return feature_settings(self.backbone)

    def loss(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
             **kwargs) -> dict[str, Tensor]:
        """Losses of all decoder passes."""
        views = self.views(batch_inputs['imgs'], data_samples)
        truth = [sample.gt_instances_3d for sample in data_samples]
        seen = images_with_objects(self.backbone, views.cameras, truth, views.age)
        images = views.cameras.without_missing(batch_inputs['imgs'])
        maps = self.extract_feat(dict(imgs=images), seen)
        with self._head_precision(maps):
            losses = self.bbox_head.loss(self._for_head(maps), views, truth)
        return {**losses, **seen.losses}

    def predict(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
                **kwargs) -> list[Det3DDataSample]:
        """``pred_instances_3d`` for each sample: boxes in the LiDAR frame, scores, labels."""
        views = self.views(batch_inputs['imgs'], data_samples)
        maps = self.extract_feat(dict(imgs=views.cameras.without_missing(batch_inputs['imgs'])))
        return self.add_pred_to_datasample(data_samples, self.detect(maps, views))

    def detect(self, maps: Sequence[Tensor], views: Views) -> list:
        """Detections from feature maps L x [B, T*N, C, H_l, W_l]."""
        with self._head_precision(maps):
            return self.bbox_head.predict(self._for_head(maps), views)

    def _forward(self, batch_inputs: dict, data_samples: list[Det3DDataSample] | None = None,
                 **kwargs) -> dict[str, Any]:
        """Raw outputs: ``features`` of the pyramid and ``head`` as the head gives them."""
        views = self.views(batch_inputs['imgs'], data_samples)
        maps = self.extract_feat(dict(imgs=views.cameras.without_missing(batch_inputs['imgs'])))
        with self._head_precision(maps):
            return {'features': maps, 'head': self.bbox_head(self._for_head(maps), views)}

    def views(self, images: Tensor, data_samples: list[Det3DDataSample] | None) -> Views:
        """Matrices and times of a batch with images [B, T*N, 3, H, W]."""
        if data_samples is None:
            raise DataError('SparseBEV needs data samples with lidar2img and img_timestamp')
        return views_of_batch([sample.metainfo for sample in data_samples], self.num_frames,
                              tuple(images.shape[-2:]), images.device)

    def _maps(self, images: Tensor, seen: SeenImages, mask: bool = True) -> list[Tensor]:
        maps = self.maps_of_images(images.flatten(0, 1), mask, seen)
        return [level.unflatten(0, images.shape[:2]) for level in maps]

    @torch.no_grad()
    def _maps_without_learning(self, frames: Tensor) -> list[list[Tensor]]:
        """Maps of frames [B, T', N, 3, H, W], one after the other."""
        image_part = [part for part in (self.backbone, self.neck) if part is not None]
        modes = [(module, module.training) for part in image_part for module in part.modules()]
        try:
            for part in image_part:
                part.eval()
            seen = SeenImages(frames.shape[2])
            return [self._maps(frames[:, index], seen, mask=False)
                    for index in range(frames.shape[1])]
        finally:
            for module, mode in modes:
                module.training = mode

    def _head_precision(self, maps: Sequence[Tensor]) -> torch.autocast:
        kind = maps[0].device.type
        enabled = torch.is_autocast_enabled(kind) and not self.float32_head
        return torch.autocast(kind, enabled=enabled)

    def _for_head(self, maps: Sequence[Tensor]) -> list[Tensor]:
        return [level.float() for level in maps] if self.float32_head else list(maps)
