"""The head of v1: instances that look into the images of several frames, kept in a queue."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor, nn

from sparse3d.argument_objects import argument_object
from sparse3d.ops.packed_maps import PackedMaps, pack_maps
from sparse4d.attention import AddedPositions, InstanceAttention, ResidualFeedForward
from sparse4d.decoder_layer import DecoderOptions
from sparse4d.detections import DetectionOptions, as_detections
from sparse4d.frame import Frame
from sparse4d.frames_aggregation import DepthConfidence, FramesAggregation, SeenFrame
from sparse4d.head import HeadOutputs, built_encoder, decoded, initialize
from sparse4d.instance_bank import FIRST_INTERVAL, BankOptions, InstanceBank, same_scenes
from sparse4d.published import Sparse4DPublished
from sparse4d.refinement import Refinement


@dataclass(frozen=True)
class QueueOptions:
    """Which earlier frames are read.

    Attributes:
        num_frames: most of them.
        num_cameras: N; each has weights of its own.
        max_interval: seconds back, of either sign.
        with_depth: what is read is weighted by how well its depth fits.
    """

    num_frames: int = 3
    num_cameras: int = 6
    max_interval: float = 5.0
    with_depth: bool = True


@dataclass(frozen=True)
class FrameQueue:
    """Earlier frames of B streams, newest first, each with its feature maps.

    Attributes:
        frames: maps and moments.
        there: for each of them [B] bool, in which samples there is such a frame; None: in all.
    """

    frames: tuple[tuple[PackedMaps, Frame], ...] = ()
    there: tuple[Tensor, ...] | None = None

    def __len__(self) -> int:
        return len(self.frames[0][1]) if self.frames else 0


class FramesLayer(nn.Module):
    """One layer of the decoder of v1.

    Args:
        num_classes: K.
        options: see :class:`DecoderOptions`.
        num_cameras: N.
        border: which places count.

    Source: Sparse4D (arXiv 2211.10581).
    """

    def __init__(self, num_classes: int, options: DecoderOptions, num_cameras: int,
                 border: str) -> None:
        super().__init__()
        channels = options.channels
        self.self_attention = InstanceAttention(channels, options.num_heads, options.dropout)
        self.attention_norm = nn.LayerNorm(channels)
        self.aggregation = FramesAggregation(
            channels, num_cameras, options.num_levels, options.num_groups, options.learned_points,
            options.weights_dropout, border, options.dropout)
        self.aggregation_norm = nn.LayerNorm(channels)
        self.feedforward = ResidualFeedForward(channels, options.feedforward_channels,
                                               options.dropout)
        self.norm = nn.LayerNorm(channels)
        self.refinement = Refinement(channels, num_classes, with_quality=False, add_yaw=False)


@MODELS.register_module()
class Sparse4DFramesHead(BaseModule):
    """Instances that read several frames; nothing of an instance passes from frame to frame.

    Args:
        num_classes: K.
        bank: learned anchors, see :class:`BankOptions`; ``num_temporal`` has to be 0.
        decoder: sizes of the layers, see :class:`DecoderOptions`.
        queue: see :class:`QueueOptions`.
        detections: see :class:`DetectionOptions`.
        published: quirks, see :class:`sparse4d.published.Sparse4DPublished`.

    Source: Sparse4D (arXiv 2211.10581).
    """

    published_set = Sparse4DPublished
    argument_objects = dict(bank=BankOptions, decoder=DecoderOptions, queue=QueueOptions,
                            detections=DetectionOptions)

    def __init__(self, num_classes: int, bank: dict | BankOptions | None = None,
                 decoder: dict | DecoderOptions | None = None,
                 queue: dict | QueueOptions | None = None,
                 detections: dict | DetectionOptions | None = None,
                 published: dict | Sparse4DPublished | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.published = Sparse4DPublished.of(published)
        self.options = options = argument_object(self, 'decoder', decoder)
        self.queue_options = argument_object(self, 'queue', queue)
        self.detection_options = argument_object(self, 'detections', detections)
        self.num_classes = num_classes
        self.bank = InstanceBank(options.channels, argument_object(self, 'bank', bank),
                                 self.published)
        self.anchor_encoder = built_encoder('summed', options.channels)
        self.values = AddedPositions()
        self.depth = DepthConfidence(options.channels, dropout=options.dropout) \
            if self.queue_options.with_depth else None
        border = 'cells' if self.published.grid_sample_border else 'inside'
        self.layers = nn.ModuleList(
            FramesLayer(num_classes, options, self.queue_options.num_cameras, border)
            for _ in range(options.num_layers))

    def init_weights(self) -> None:
        """As published, see :meth:`sparse4d.head.Sparse4DHead.init_weights`."""
        initialize([part for layer in self.layers for name, part in layer.named_children()
                    if name != 'refinement'])
        super().init_weights()

    def forward(self, maps: Sequence[Tensor], frame: Frame, state: FrameQueue | None = None
                ) -> tuple[HeadOutputs, FrameQueue]:
        """Raw outputs of all layers, and the queue for the next frame.

        Args:
            maps: L x [B, N, C, H_l, W_l].
            state: of the frames before, in whose maps no gradient goes; of another number of
                samples it counts as empty.
        """
        packed = pack_maps(maps)
        queue = state if state is not None and len(state) == len(frame) else FrameQueue()
        seen = self._frames(packed, frame, queue)
        step = self.bank.get(frame)
        step = replace(step, interval=self._interval(seen, step.interval))
        features, anchors = step.features, step.anchors
        outputs: dict[str, list] = dict(logits=[], anchors=[], quality=[])
        for index, layer in enumerate(self.layers):
            embedding = self.anchor_encoder(anchors)
            features = layer.attention_norm(self.values(layer.self_attention, features, embedding))
            features = layer.aggregation_norm(layer.aggregation(
                features, anchors, seen, self.anchor_encoder, self.depth))
            features = layer.norm(layer.feedforward(features))
            anchors, logits, quality = layer.refinement(
                features, anchors, embedding, step.interval,
                self.training or index == len(self.layers) - 1)
            for name, value in dict(logits=logits, anchors=anchors, quality=quality).items():
                outputs[name].append(value)
        whole = HeadOutputs(**outputs, features=features, learned=features.shape[1], step=step)
        return whole, self._queued(packed, frame, queue)

    def predict(self, maps: Sequence[Tensor], frame: Frame, state: FrameQueue | None = None
                ) -> tuple[list[InstanceData], FrameQueue]:
        """Detections, one ``InstanceData`` for each sample, and the queue for the next frame."""
        outputs, state = self(maps, frame, state)
        return [as_detections(found) for found in
                decoded(outputs, self.detection_options, self.published)], state

    def forgotten(self, state: FrameQueue | None) -> None:
        """A state after which the next frame starts afresh."""
        return None

    def _queued(self, packed: PackedMaps, frame: Frame, queue: FrameQueue) -> FrameQueue:
        kept = PackedMaps(packed.features.detach(), packed.sizes)
        most = self.queue_options.num_frames
        there = None if queue.there is None else (
            torch.ones(len(frame), dtype=torch.bool), *queue.there)[:most]
        return FrameQueue(((kept, frame), *queue.frames)[:most], there)

    def _frames(self, packed: PackedMaps, frame: Frame, queue: FrameQueue) -> list[SeenFrame]:
        """The present frame and those of the queue."""
        seen = []
        for place, (maps, other) in enumerate(((packed, frame), *queue.frames)):
            back = torch.linalg.inv(other.lidar2global) @ frame.lidar2global
            elapsed = (frame.timestamps - other.timestamps).to(packed.features)
            kept = (elapsed.abs() <= self.queue_options.max_interval) & same_scenes(
                frame, other).to(elapsed.device)
            if self.published.stale_keys:
                kept = torch.ones_like(kept)
            if place and queue.there is not None:
                kept = kept & queue.there[place - 1].to(kept.device)
            seen.append(SeenFrame(maps, other, back.to(packed.features), elapsed, kept))
        return seen

    def _interval(self, seen: list[SeenFrame], interval: Tensor) -> Tensor:
        """[B] seconds to refine velocities by: since the newest frame of the queue."""
        if self.published.constant_interval or len(seen) == 1:
            return interval
        newest = seen[1]
        return torch.where(newest.kept & (newest.elapsed != 0), newest.elapsed,
                           torch.full_like(interval, FIRST_INTERVAL))
