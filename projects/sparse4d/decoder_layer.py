"""One layer of the decoder of v2 and v3."""
from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sparse3d.ops.packed_maps import PackedMaps
from sparse3d.structures.cameras import Cameras
from sparse4d.aggregation import DeformableAggregation
from sparse4d.attention import (
    AddedPositions,
    AsymmetricFeedForward,
    DecoupledValues,
    InstanceAttention,
)
from sparse4d.published import Sparse4DPublished
from sparse4d.refinement import Refinement


@dataclass(frozen=True)
class DecoderOptions:
    """Sizes and switches of the decoder.

    Attributes:
        channels: C.
        num_layers: of the decoder, the single-frame ones among them.
        single_frame_layers: layers before instances of the frame before join; they have no
            attention.
        num_levels, num_groups, learned_points: of the aggregation.
        num_heads: of the attention.
        feedforward_channels: of the feed-forward networks.
        dropout: in training.
        weights_dropout: of cameras and key points in training.
        decoupled: features and embeddings side by side in the attention (v3), not added (v2).
        with_quality: predict centerness and yawness (v3).
    """

    channels: int = 256
    num_layers: int = 6
    single_frame_layers: int = 1
    num_levels: int = 4
    num_groups: int = 8
    learned_points: int = 6
    num_heads: int = 8
    feedforward_channels: int = 1024
    dropout: float = 0.1
    weights_dropout: float = 0.15
    decoupled: bool = True
    with_quality: bool = True


class Keys(NamedTuple):
    """Instances of the frame before, for the temporal attention.

    Attributes:
        features: [B, T, C].
        embedding: [B, T, C] of their anchors.
        attended: [B] bool; a sample without has none. None: all have.
    """

    features: Tensor
    embedding: Tensor
    attended: Tensor | None = None

    def of_samples(self, samples: Tensor) -> Keys:
        """Of some samples [M]."""
        return Keys(self.features[samples], self.embedding[samples],
                    None if self.attended is None else self.attended[samples])


class Instances(NamedTuple):
    """Instances on their way through the decoder.

    Attributes:
        features: [B, A, C].
        anchors: [B, A, 11].
        embedding: [B, A, C] of the anchors.
    """

    features: Tensor
    anchors: Tensor
    embedding: Tensor


class DecoderLayer(nn.Module):
    """Attention to the frame before and among instances, aggregation, refinement.

    Args:
        num_classes: K.
        options: see :class:`DecoderOptions`.
        single_frame: without attention.
        quirks: of the parts.

    Source: Sparse4D v3 (arXiv 2311.11722).
    """

    def __init__(self, num_classes: int, options: DecoderOptions, single_frame: bool,
                 quirks: Sparse4DPublished) -> None:
        super().__init__()
        channels = options.channels
        self.attends = not single_frame
        if self.attends:
            width = channels * (2 if options.decoupled else 1)
            self.temporal_attention = InstanceAttention(width, options.num_heads, options.dropout)
            self.self_attention = InstanceAttention(width, options.num_heads, options.dropout)
            self.attention_norm = nn.LayerNorm(channels)
        self.aggregation = DeformableAggregation(
            channels, options.num_levels, options.num_groups, options.learned_points,
            options.weights_dropout, quirks.noisy_key_points,
            'cells' if quirks.grid_sample_border else 'inside')
        self.feedforward = AsymmetricFeedForward(channels, options.feedforward_channels,
                                                 options.dropout)
        self.norm = nn.LayerNorm(channels)
        self.refinement = Refinement(channels, num_classes, options.with_quality)

    def forward(self, instances: Instances, keys: Keys | None,
                values: DecoupledValues | AddedPositions, attn_mask: Tensor | None,
                images: tuple[PackedMaps, Cameras], interval: Tensor, classify: bool = True
                ) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """Features [B, A, C], anchors [B, A, 11], class and quality logits.

        Args:
            keys: of the frame before; None where there is none.
            values: how attention treats embeddings, shared by all layers.
            attn_mask: [A, A] bool, who must not see whom; it holds among the instances.
            images: feature maps and cameras.
            interval: [B] seconds.
        """
        features, anchors, embedding = instances
        if self.attends:
            features = self.to_the_frame_before(instances, keys, values, attn_mask)
            features = self.attention_norm(values(self.self_attention, features, embedding,
                                                  attn_mask=attn_mask))
        features = self.aggregation(features, anchors, embedding, *images)
        features = self.norm(self.feedforward(features))
        return features, *self.refinement(features, anchors, embedding, interval, classify)

    def to_the_frame_before(self, instances: Instances, keys: Keys | None,
                            values: DecoupledValues | AddedPositions,
                            attn_mask: Tensor | None) -> Tensor:
        """Features [B, A, C] after temporal attention.

        A sample without instances of the frame before attends to its own, as released.
        """
        features, _, embedding = instances
        layer = self.temporal_attention
        if keys is not None and (keys.attended is None or bool(keys.attended.all())):
            return values(layer, features, embedding, (keys.features, keys.embedding))
        if keys is None or not bool(keys.attended.any()):
            return values(layer, features, embedding, attn_mask=attn_mask, plain_values=True)
        result = torch.empty_like(features)
        for attended in (True, False):
            samples = (keys.attended == attended).nonzero()[:, 0]
            part = Instances(*(value[samples] for value in instances))
            found = self.to_the_frame_before(part, keys.of_samples(samples), values, attn_mask)
            result = result.index_copy(0, samples, found.to(result.dtype))
        return result
