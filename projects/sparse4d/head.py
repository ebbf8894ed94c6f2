"""The head of v2 and v3: instances refined layer by layer, and carried from frame to frame.

The contract, with B samples, A learned instances, S noisy ones behind them, K classes::

    outputs, state = head(maps, frame, state=None, noisy=None)

``maps`` L x [B, N, C, H_l, W_l]; ``frame`` a :class:`sparse4d.frame.Frame`; ``state`` a
:class:`sparse4d.instance_bank.BankState` or None, owned by the caller; ``outputs`` a
:class:`HeadOutputs`: lists over the layers, A + S rows each. ``noisy`` are denoising queries, an
object with

* ``features`` [B, S, C], ``anchors`` [B, S, 11], and ``attn_mask`` [A + S, A + S] bool (True: the
  row must not see the column; rows of learned instances first);
* ``after_first_layer(step, features, anchors) -> features, anchors``, all [B, S, ...]: the place
  where noisy instances of the frame before take theirs; ``step`` is the
  :class:`sparse4d.instance_bank.BankStep` of the frame (``kept``, ``transforms``, ``elapsed``).

The state that comes back is detached, and of the learned instances alone. What of the noisy ones
passes to the next frame the caller takes from ``outputs.features`` and ``outputs.anchors[-1]``.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor, nn

from sparse3d.argument_objects import argument_object
from sparse3d.errors import ConfigError
from sparse3d.ops.packed_maps import PackedMaps, pack_maps
from sparse3d.structures.cameras import Cameras
from sparse4d.anchor_encoder import AnchorEncoder
from sparse4d.attention import AddedPositions, DecoupledValues
from sparse4d.decoder_layer import DecoderLayer, DecoderOptions, Instances, Keys
from sparse4d.detections import Decoded, DetectionOptions, as_detections, decode
from sparse4d.frame import Frame
from sparse4d.instance_bank import BankOptions, BankState, BankStep, InstanceBank
from sparse4d.published import Sparse4DPublished

ENCODERS = {'concatenated': dict(channels=(1 / 2, 1 / 8, 1 / 8, 1 / 4), blocks=4, summed=False),
            'summed': dict(channels=(1, 1, 1, 1), blocks=2, summed=True)}


class NoisyInstances(Protocol):
    """Denoising queries; see the module."""

    features: Tensor
    anchors: Tensor
    attn_mask: Tensor

    def after_first_layer(self, step: BankStep, features: Tensor, anchors: Tensor
                          ) -> tuple[Tensor, Tensor]:
        """Noisy instances as the second layer gets them."""


@dataclass(frozen=True)
class HeadOutputs:
    """Raw outputs; rows of learned instances come first, noisy ones behind.

    Attributes:
        logits: of each layer [B, A + S, K]; in evaluation None but for the first and the last.
        anchors: of each layer [B, A + S, 11].
        quality: of each layer [B, A + S, 2], logits of centerness and yawness; None as ``logits``,
            and in a head without.
        features: [B, A + S, C] after the last layer.
        learned: number A.
        step: what the frame began with.
        ids: [B, A] identities, in evaluation.
    """

    logits: list[Tensor | None]
    anchors: list[Tensor]
    quality: list[Tensor | None]
    features: Tensor
    learned: int
    step: BankStep
    ids: Tensor | None = None

    def of_learned(self) -> HeadOutputs:
        """Without the noisy instances."""
        return self._rows(slice(None, self.learned))

    def of_noisy(self) -> HeadOutputs:
        """The noisy instances alone."""
        return self._rows(slice(self.learned, None))

    def _rows(self, rows: slice) -> HeadOutputs:
        def cut(values: list) -> list:
            return [None if value is None else value[:, rows] for value in values]
        return replace(self, logits=cut(self.logits), anchors=cut(self.anchors),
                       quality=cut(self.quality), features=self.features[:, rows])


@dataclass
class _Pass:
    """What stays the same through all layers of one frame, and what they gave."""

    cameras: Cameras
    step: BankStep
    images: PackedMaps
    attn_mask: Tensor | None
    noisy: NoisyInstances | None
    logits: list = field(default_factory=list)
    anchors: list = field(default_factory=list)
    quality: list = field(default_factory=list)


@MODELS.register_module()
class Sparse4DHead(BaseModule):
    """Instances that look into images, refined by layers and remembered by a bank.

    Args:
        num_classes: K.
        bank: see :class:`BankOptions`.
        decoder: sizes and switches of the layers, see :class:`DecoderOptions`.
        encoder: how the parts of an anchor are embedded: ``'concatenated'`` (v3) or ``'summed'``
            (v2).
        with_ids: instances get identities in evaluation (v3).
        detections: see :class:`DetectionOptions`.
        published: quirks, see :class:`sparse4d.published.Sparse4DPublished`.

    Raises:
        ConfigError: for an unknown encoder, or channels that do not split.

    Source: Sparse4D v3 (arXiv 2311.11722); v2 (arXiv 2305.14018).
    """

    published_set = Sparse4DPublished
    argument_objects = dict(bank=BankOptions, decoder=DecoderOptions, detections=DetectionOptions)

    def __init__(self, num_classes: int, bank: dict | BankOptions | None = None,
                 decoder: dict | DecoderOptions | None = None, encoder: str = 'concatenated',
                 with_ids: bool = True, detections: dict | DetectionOptions | None = None,
                 published: dict | Sparse4DPublished | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.published = quirks = Sparse4DPublished.of(published)
        self.options = options = argument_object(self, 'decoder', decoder)
        self.detection_options = argument_object(self, 'detections', detections)
        self.num_classes, self.with_ids = num_classes, with_ids
        if not 1 <= options.single_frame_layers <= options.num_layers:
            raise ConfigError(f'decoder has single_frame_layers = {options.single_frame_layers} '
                              f'of num_layers = {options.num_layers}; at least the first is')
        self.bank = InstanceBank(options.channels, argument_object(self, 'bank', bank), quirks)
        self.anchor_encoder = built_encoder(encoder, options.channels)
        self.values = DecoupledValues(options.channels) if options.decoupled else AddedPositions()
        self.layers = nn.ModuleList(
            DecoderLayer(num_classes, options, index < options.single_frame_layers, quirks)
            for index in range(options.num_layers))

    def init_weights(self) -> None:
        """As published: uniform by Xavier in the layers but in their refinements, then each part
        its own; embeddings of anchors begin as PyTorch has them."""
        initialize([part for layer in self.layers for name, part in layer.named_children()
                    if name != 'refinement'])
        super().init_weights()

    def forward(self, maps: Sequence[Tensor], frame: Frame, state: BankState | None = None,
                noisy: NoisyInstances | None = None) -> tuple[HeadOutputs, BankState | None]:
        """Raw outputs of all layers, and the state for the next frame; see the module."""
        step = self.bank.get(frame, state)
        outputs = self.layers_of(step, maps, frame.cameras, noisy)
        count = outputs.learned
        state, ids = self.bank.cache(
            step, outputs.features[:, :count], outputs.anchors[-1][:, :count],
            outputs.logits[-1][:, :count], frame, self.with_ids and not self.training)
        return replace(outputs, ids=ids), state

    def layers_of(self, step: BankStep, maps: Sequence[Tensor], cameras: Cameras,
                  noisy: NoisyInstances | None = None) -> HeadOutputs:
        """Raw outputs of all layers for a frame that begins with ``step``."""
        attn_mask, features, anchors = None, step.features, step.anchors
        if noisy is not None:
            features = torch.cat([features, noisy.features.to(features)], 1)
            anchors = torch.cat([anchors, noisy.anchors.to(anchors)], 1)
            attn_mask = noisy.attn_mask
        run = _Pass(cameras, step, self.pack(maps), attn_mask, noisy)
        features = self._decode(run, Instances(features, anchors, self.anchor_encoder(anchors)))
        return HeadOutputs(run.logits, run.anchors, run.quality, features,
                           self.bank.options.num_anchors, step)

    def pack(self, maps: Sequence[Tensor]) -> PackedMaps:
        """Feature maps L x [B, N, C, H, W] as the aggregation reads them.

        Raises:
            ConfigError: if there are not as many levels as the head was made for.
        """
        if len(maps) != self.options.num_levels:
            raise ConfigError(f'the head was made for {self.options.num_levels} levels and got '
                              f'{len(maps)}; set num_levels of decoder')
        return pack_maps(maps)

    def predict(self, maps: Sequence[Tensor], frame: Frame, state: BankState | None = None
                ) -> tuple[list[InstanceData], BankState | None]:
        """Detections, one ``InstanceData`` for each sample, and the state for the next frame."""
        outputs, state = self(maps, frame, state)
        threshold = self.detection_options.track_threshold
        return [as_detections(found, threshold) for found in self.decoded(outputs)], state

    def forgotten(self, state: BankState | None) -> BankState | None:
        """A state after which the next frame starts afresh, and identities go on."""
        return None if state is None else state.forgotten()

    def decoded(self, outputs: HeadOutputs) -> list[Decoded]:
        """Detections of each sample from raw outputs, in numbers."""
        return decoded(outputs, self.detection_options, self.published)

    def _decode(self, run: _Pass, instances: Instances) -> Tensor:
        """Features after the last layer; the rest is written into ``run``."""
        before, last = run.step.state, len(self.layers) - 1
        first = self.options.single_frame_layers - 1
        keys = None if before is None else Keys(
            before.features, self.anchor_encoder(before.anchors), run.step.attended)
        for index, layer in enumerate(self.layers):
            features, anchors, logits, quality = layer(
                instances, keys if layer.attends else None, self.values, run.attn_mask,
                (run.images, run.cameras), run.step.interval,
                self.training or index in (first, last))
            run.logits.append(logits)
            run.anchors.append(anchors)
            run.quality.append(quality)
            if index == first:
                features, anchors = self._joined(run, features, anchors, logits)
            if index < last:
                embedding = self.anchor_encoder(anchors)
                instances = Instances(features, anchors, embedding)
                if keys is not None and index > first:
                    keys = keys._replace(embedding=embedding[:, :keys.features.shape[1]])
        return features

    def _joined(self, run: _Pass, features: Tensor, anchors: Tensor, logits: Tensor
                ) -> tuple[Tensor, Tensor]:
        """Instances for the second layer: those of the frame before take their places."""
        count = self.bank.options.num_anchors
        noisy = features[:, count:], anchors[:, count:]
        features, anchors = self.bank.update(run.step, features[:, :count], anchors[:, :count],
                                             logits[:, :count])
        if run.noisy is None:
            return features, anchors
        noisy = run.noisy.after_first_layer(run.step, *noisy)
        return torch.cat([features, noisy[0]], 1), torch.cat([anchors, noisy[1]], 1)


def decoded(outputs: HeadOutputs, options: DetectionOptions, quirks: Sparse4DPublished
            ) -> list[Decoded]:
    """Detections of each sample from raw outputs of the last layer, in numbers."""
    quality, ids = outputs.quality[-1], outputs.ids
    return [decode(logits, anchors, None if quality is None else quality[sample],
                   None if ids is None else ids[sample], options, quirks.unsorted_class_scores)
            for sample, (logits, anchors) in enumerate(zip(
                outputs.logits[-1], outputs.anchors[-1], strict=True))]


def built_encoder(kind: str, channels: int) -> AnchorEncoder:
    """The anchor encoder of a version.

    Raises:
        ConfigError: for an unknown kind.
    """
    if kind not in ENCODERS:
        raise ConfigError(f'encoder is {kind!r}; use one of {", ".join(ENCODERS)}')
    options = ENCODERS[kind]
    widths = [int(channels * share) for share in options['channels']]
    if options['summed'] is False and sum(widths) != channels:
        raise ConfigError(f'channels is {channels}; a multiple of 8 is needed')
    return AnchorEncoder(widths, options['blocks'], options['summed'])


def initialize(parts: Sequence[nn.Module]) -> None:
    """Uniform by Xavier for every matrix of the parts, then what each part does itself."""
    for part in parts:
        for value in part.parameters():
            if value.dim() > 1:
                nn.init.xavier_uniform_(value)
    for part in parts:
        for module in part.modules():
            if hasattr(module, 'init_weights'):
                module.init_weights()
