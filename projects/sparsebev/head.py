"""The detection head: queries through one shared decoder layer, six times."""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor, nn

from sparse3d.argument_objects import argument_object
from sparse3d.errors import ConfigError
from sparse3d.models.query.box_code import ground_truth_boxes, query_to_code
from sparse3d.models.query.initializations import build_queries
from sparse3d.models.query.query_denoising import (
    NoisyQueries,
    denoising_attn_mask,
    draw_noise,
    noisy_queries,
)
from sparse3d.ops.packed_views import PackedViews, pack_views
from sparsebev.beginnings import Beginning
from sparsebev.box_selection import as_detections, select_boxes
from sparsebev.decoder_layer import DecoderLayer, DecoderOptions
from sparsebev.detection_losses import DetectionLosses, LossOptions
from sparsebev.published import SparseBEVPublished
from sparsebev.views import Views


@dataclass(frozen=True)
class DetectionOptions:
    """What is kept of the last pass.

    Attributes:
        limits: x, y, z from and to, meters; default as released: 10 m beyond
            ``point_cloud_range`` in x and y, 5 m below it and 7 m above.
        max_detections: of a sample.
        score_threshold: what scores less is left out.
    """

    limits: Sequence[float] | None = None
    max_detections: int = 300
    score_threshold: float = 0.05


@MODELS.register_module()
class SparseBEVHead(BaseModule):
    """Queries that read images directly; no BEV map in between.

    Args:
        num_classes: K.
        num_queries: Q; a square number for learned queries: they start on a grid.
        point_cloud_range: x, y, z from and to, meters; of the centers of queries.
        decoder: sizes and switches of the decoder layer, see :class:`DecoderOptions`.
        num_passes: through the shared layer.
        denoising_groups: copies of the ground truth in training, 0 for none.
        losses: see :class:`LossOptions`.
        detections: see :class:`DetectionOptions`.
        queries: how they begin: ``dict(type='learned')`` as published, ``'heatmap'`` or
            ``'image'`` (both from the images of now), with options of the class in
            :mod:`sparsebev.beginnings`, or one that somebody registered
            (:func:`~sparse3d.models.query.initializations.register_queries`).
        published: quirks, see :class:`sparsebev.published.SparseBEVPublished`.

    Source: SparseBEV (ICCV 2023), section 3.
    """

    published_set = SparseBEVPublished
    argument_objects = dict(decoder=DecoderOptions, losses=LossOptions,
                            detections=DetectionOptions)

    def __init__(
            self, num_classes: int, num_queries: int, point_cloud_range: Sequence[float],
            decoder: dict | DecoderOptions | None = None, num_passes: int = 6,
            denoising_groups: int = 10, losses: dict | LossOptions | None = None,
            detections: dict | DetectionOptions | None = None, queries: dict | None = None,
            published: dict | SparseBEVPublished | None = None,
            init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.published = SparseBEVPublished.of(published)
        options = argument_object(self, 'decoder', decoder)
        losses = argument_object(self, 'losses', losses)
        chosen = argument_object(self, 'detections', detections)
        self.num_classes, self.num_passes = num_classes, num_passes
        self.num_frames, self.num_levels = options.num_frames, options.num_levels
        self.num_groups = options.num_groups
        self.point_cloud_range, self.denoising_groups = tuple(point_cloud_range), denoising_groups
        self.limits = tuple(chosen.limits or _default_limits(point_cloud_range))
        self.max_detections = chosen.max_detections
        self.score_threshold = chosen.score_threshold
        self.num_queries, self.channels = num_queries, options.channels
        self.beginning = build_queries(self, queries, default='learned')
        if self.beginning.has_boxes:
            self.query_boxes = nn.Parameter(grid_of_queries(num_queries))
        self.label_embedding = nn.Embedding(num_classes + 1, options.channels - 1)
        self.layer = DecoderLayer(point_cloud_range, num_classes, options, self.published)
        self.losses = DetectionLosses(num_classes, losses.loss_cls, losses.loss_bbox,
                                      self.published.code_weights or losses.code_weights)

    def forward(self, maps: Sequence[Tensor], views: Views,
                noisy: NoisyQueries | None = None) -> dict[str, Tensor]:
        """Raw outputs of all passes.

        Args:
            maps: L x [B, T*N, C, H_l, W_l], newest frame first.
            noisy: denoising queries, in training.

        Returns:
            ``logits`` [D, B, Q, K] and ``codes`` [D, B, Q, 10]; with denoising queries also
            ``noisy_logits`` [D, B, S, K] and ``noisy_codes`` [D, B, S, 10].
        """
        first = self.beginning(self, maps, views)
        query, features, attn_mask = self._first_queries(len(maps[0]), noisy, first)
        images = self.pack(maps, views)
        logits, boxes = [], []
        for _ in range(self.num_passes):
            features, scores, refined = self.layer(query, features, images, views, attn_mask)
            query = refined.detach()
            logits.append(scores)
            boxes.append(refined)
        logits = torch.nan_to_num(torch.stack(logits))
        codes = query_to_code(torch.nan_to_num(torch.stack(boxes)), self.point_cloud_range)
        slots = 0 if noisy is None else noisy.query.shape[1]
        outputs = {'logits': logits[:, :, slots:], 'codes': codes[:, :, slots:]}
        if first.found is not None:
            outputs['beginning'] = first
        if noisy is not None:
            outputs.update(noisy_logits=logits[:, :, :slots], noisy_codes=codes[:, :, :slots])
        return outputs

    def pack(self, maps: Sequence[Tensor], views: Views) -> PackedViews:
        """Feature maps L x [B, T*N, C, H, W] as the sampling reads them.

        Raises:
            ConfigError: if there are not as many levels or frames as the head was made for.
        """
        frames, cameras = views.lidar2img.shape[1:3]
        if len(maps) != self.num_levels or frames != self.num_frames:
            raise ConfigError(f'the head was made for {self.num_levels} levels and '
                              f'{self.num_frames} frames and got {len(maps)} and {frames}; '
                              f'set num_levels and num_frames of decoder')
        return pack_views([level.unflatten(1, (frames, cameras)) for level in maps],
                          self.num_groups)

    def loss(self, maps: Sequence[Tensor], views: Views, gt_instances: Sequence[InstanceData],
             noisy: NoisyQueries | None = None) -> dict[str, Tensor]:
        """Losses of all passes; those before the last are named ``d0.`` and so on.

        Args:
            gt_instances: ``bboxes_3d``, ``labels_3d`` and optionally ``velocity_known`` [M] of each
                sample.
            noisy: default: drawn from the ground truth.
        """
        boxes = [ground_truth_boxes(objects.bboxes_3d, objects.get('velocity_known'))
                 .to(maps[0].device).float() for objects in gt_instances]
        labels = [objects.labels_3d.to(maps[0].device).long() for objects in gt_instances]
        if noisy is None and self.denoising_groups:
            noise = draw_noise(sum(map(len, boxes)), self.denoising_groups, self.num_classes,
                               device=maps[0].device)
            noisy = noisy_queries(boxes, labels, noise, self.point_cloud_range)
        outputs = self(maps, views, noisy)
        losses = self.losses_of(outputs, boxes, labels, noisy)
        if 'beginning' in outputs:
            losses.update(self.beginning.losses(outputs['beginning'], boxes, labels, views))
        return losses

    def losses_of(self, outputs: dict[str, Tensor], boxes: Sequence[Tensor],
                  labels: Sequence[Tensor], noisy: NoisyQueries | None = None
                  ) -> dict[str, Tensor]:
        """Losses of raw outputs against boxes [M, 9] around gravity centers and labels [M]."""
        losses: dict[str, Tensor] = {}
        for index in range(self.num_passes):
            prefix = f'd{index}.' if index < self.num_passes - 1 else ''
            found = self.losses.matched(outputs['logits'][index], outputs['codes'][index],
                                        boxes, labels)
            losses[f'{prefix}loss_cls'], losses[f'{prefix}loss_bbox'] = found
            if noisy is not None:
                found = self.losses.denoised(outputs['noisy_logits'][index],
                                             outputs['noisy_codes'][index], noisy)
                losses[f'{prefix}loss_cls_dn'], losses[f'{prefix}loss_bbox_dn'] = found
        return losses

    def predict(self, maps: Sequence[Tensor], views: Views) -> list[InstanceData]:
        """Detections of the last pass, one ``InstanceData`` for each sample."""
        return self.detections(self(maps, views))

    def detections(self, outputs: dict[str, Tensor]) -> list[InstanceData]:
        """Detections from raw outputs."""
        return [as_detections(*select_boxes(logits, codes, self.limits, self.max_detections,
                                            self.score_threshold))
                for logits, codes in zip(outputs['logits'][-1], outputs['codes'][-1], strict=True)]

    def _first_queries(self, batch: int, noisy: NoisyQueries | None,
                       first: Beginning | None = None) -> tuple[Tensor, Tensor, Tensor | None]:
        """Query boxes, features and who is hidden from whom, denoising queries first."""
        if first is None:
            first = Beginning(self.query_boxes.expand(batch, -1, -1))
        count = first.boxes.shape[1]
        nothing = self.label_embedding.weight[self.num_classes].expand(count, -1)
        features = torch.nn.functional.pad(nothing, (0, 1)).expand(batch, -1, -1)
        if first.features is not None:
            features = features + first.features
        if noisy is None:
            return first.boxes, features, None
        told = torch.nn.functional.pad(self.label_embedding(noisy.label), (0, 1), value=1.0)
        told = told * noisy.filled[..., None]
        attn_mask = denoising_attn_mask(noisy, count, self.published.attend_empty_slots)
        return (torch.cat([noisy.query, first.boxes], 1), torch.cat([told, features], 1),
                attn_mask)


def grid_of_queries(count: int) -> Tensor:
    """First query boxes [count, 10]: a grid over the range, x slowest, standing still.

    Sizes along and across and the direction start at random, as published.

    Raises:
        ConfigError: if ``count`` is no square number.
    """
    side = math.isqrt(count)
    if side ** 2 != count:
        raise ConfigError(f'num_queries must be a square number, not {count}: the queries start '
                          f'on a grid')
    line = (torch.arange(side) + 0.5) / side
    boxes = torch.randn(count, 10)
    boxes[:, :2] = torch.cartesian_prod(line, line).reshape(-1, 2)
    boxes[:, 2], boxes[:, 5], boxes[:, 8:] = 0.0, 1.5, 0.0
    return boxes


def _default_limits(point_cloud_range: Sequence[float]) -> list[float]:
    low, high = point_cloud_range[:3], point_cloud_range[3:]
    return [low[0] - 10, low[1] - 10, low[2] - 5, high[0] + 10, high[1] + 10, high[2] + 7]
