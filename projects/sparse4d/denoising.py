"""Temporal instance denoising: noisy objects that the decoder learns to repair, over frames.

Each object of a sample becomes, in every group, a near anchor and a far one. What a near anchor is
to become is decided by matching, so that two noisy anchors of one group never claim one object. In
the next frame some groups are replaced by what the decoder had made of theirs, followed by the ids
of their objects.

Groups stand one after the other, S = groups * 2n, n the most objects of a sample.

Source: Sparse4D v3 (arXiv 2311.11722), section 3.1, and its released code.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sparse3d.errors import ConfigError
from sparse3d.models.query.hungarian_matching import cheapest_pairs
from sparse4d.box_targets import CODE_SIZE, UNUSABLE_COST, MatchOptions, box_cost, encode_boxes

PADDING, NEGATIVE = -1, -3  # labels of slots that no object fills, and of far anchors
NO_ID = -1
ANCHOR_SIZE = 11


@dataclass(frozen=True)
class DenoisingOptions:
    """How objects are made noisy.

    Attributes:
        num_groups: copies of the objects of a sample; 0 for no denoising.
        num_temporal_groups: of them that go on in the next frame; 0 for none.
        noise: largest displacement of the ten numbers of a near anchor; a far one is displaced by
            one to two times as much.
        max_objects: of a sample, the first ones.
    """

    num_groups: int = 5
    num_temporal_groups: int = 3
    noise: Sequence[float] = (2, 2, 2, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5)
    max_objects: int = 32

    def __post_init__(self) -> None:
        if not 0 <= self.num_temporal_groups <= self.num_groups:
            raise ConfigError(f'num_temporal_groups of denoising is {self.num_temporal_groups}; of '
                              f'{self.num_groups} groups 0 to {self.num_groups} can go on')
        if len(self.noise) != CODE_SIZE:
            raise ConfigError(f'noise of denoising has {len(self.noise)} numbers; a box code has '
                              f'{CODE_SIZE}')


class Noise(NamedTuple):
    """Random numbers of a batch, [groups, B, n, 10] each, as factors of the largest displacement.

    Attributes:
        near: in [-1, 1).
        far: of magnitude 1 to 2.
    """

    near: Tensor
    far: Tensor


class NoisyInstances(NamedTuple):
    """Denoising instances of a batch; S = groups * 2n.

    Attributes:
        anchors: [B, S, 11], standing still along z.
        labels: [B, S] class of the object that it is to become, or ``NEGATIVE``; ``PADDING`` where
            no object fills the slot.
        codes: [B, S, 10] the object's, zero for none.
        valid: [B, S] whether it counts in the losses.
        ids: [B, S] of the object, ``NO_ID`` for none; None where ids are not known.
        num_groups: groups.
    """

    anchors: Tensor
    labels: Tensor
    codes: Tensor
    valid: Tensor
    ids: Tensor | None
    num_groups: int

    @property
    def attn_mask(self) -> Tensor:
        """[S, S] True where the row must not see the column: groups do not see each other."""
        group = torch.arange(self.num_groups, device=self.labels.device).repeat_interleave(
            self.labels.shape[1] // self.num_groups)
        return group[:, None] != group[None]


class CachedGroups(NamedTuple):
    """Groups that go on in the next frame, [B, groups, 2n, ...] each, without gradient.

    Attributes:
        features: after the last layer.
        anchors: after the last layer, in the LiDAR frame of their own time.
        labels, valid, ids: of :class:`NoisyInstances`.
    """

    features: Tensor
    anchors: Tensor
    labels: Tensor
    valid: Tensor
    ids: Tensor


def draw_noise(num_groups: int, batch: int, count: int,
               device: torch.device | str = 'cpu') -> Noise:
    """Random numbers for ``count`` slots of each sample, in the published order of draws."""
    draws = [torch.rand(num_groups * batch, count, CODE_SIZE, device=device) for _ in range(3)]
    return noise_of(*(draw.unflatten(0, (num_groups, batch)) for draw in draws))


def noise_of(near: Tensor, far: Tensor, sign: Tensor) -> Noise:
    """Noise from three uniform draws in [0, 1), [groups, B, n, 10] each."""
    return Noise(near * 2 - 1, torch.where(sign > 0.5, 1.0, -1.0) * (far + 1))


@torch.no_grad()
def noisy_instances(boxes: Sequence[Tensor], labels: Sequence[Tensor],
                    ids: Sequence[Tensor] | None, options: DenoisingOptions,
                    noise: Noise | None = None) -> NoisyInstances | None:
    """Denoising instances of a batch; None if no sample has an object.

    Args:
        boxes: for each sample [M, 9] around gravity centers; an unknown velocity is NaN.
        labels: for each sample [M].
        ids: for each sample [M], not negative, which objects of other frames are the same; None
            where that is not known: then no group goes on.
        noise: default: drawn.
    """
    count = min(max(map(len, boxes)), options.max_objects)
    if not count or not options.num_groups:
        return None
    codes = _slots([encode_boxes(sample) for sample in boxes], count, 0.0)
    classes = _slots([sample.long() for sample in labels], count, PADDING)
    names = None if ids is None or not options.num_temporal_groups else _slots(
        [sample.long() for sample in ids], count, NO_ID)
    groups = options.num_groups
    noise = noise or draw_noise(groups, len(boxes), count, codes.device)
    scale = codes.new_tensor(list(options.noise))
    clean = codes.nan_to_num().expand(groups, -1, -1, -1)
    anchors = torch.cat([clean + noise.near * scale, clean + noise.far * scale], dim=2)
    # [groups * B, 2n]: which object each anchor is to become, -1 for none
    became = _nearest_objects(anchors.flatten(0, 1), clean.flatten(0, 1)).unflatten(0, (groups, -1))
    chosen = became.clamp(min=0)
    positive = became >= 0

    def of_objects(values: Tensor, nothing: float) -> Tensor:
        """[B, n, ...] -> [B, S, ...], of the object that each anchor is to become."""
        rows = values.expand(groups, *values.shape)
        index = chosen.reshape(*chosen.shape, *[1] * (values.dim() - 2)).expand(
            *chosen.shape, *values.shape[2:])
        mask = positive.reshape(index.shape[:3] + (1,) * (values.dim() - 2))
        return _by_sample(rows.gather(2, index).masked_fill(~mask, nothing))

    wanted = of_objects(classes, NEGATIVE)
    real = _by_sample((classes >= 0).tile(1, 2).expand(groups, -1, -1))
    return NoisyInstances(
        F.pad(_by_sample(anchors), (0, ANCHOR_SIZE - CODE_SIZE)), wanted, of_objects(codes, 0.0),
        (wanted >= 0) | (real & (wanted == NEGATIVE)),
        None if names is None else of_objects(names, NO_ID), groups)


def continue_groups(noisy: NoisyInstances, features: Tensor, anchors: Tensor,
                    cached: CachedGroups, same_scene: Tensor
                    ) -> tuple[Tensor, Tensor, NoisyInstances]:
    """Put the groups of the last frame in the place of the first ones, after the first layer.

    An object of a cached anchor that this frame does not have any more is background; a far anchor
    stays a far one.

    Args:
        noisy: of this frame, with ids.
        features: [B, S, C] after the first layer.
        anchors: [B, S, 11] after the first layer.
        cached: with anchors in the LiDAR frame of now.
        same_scene: [B] whether a sample's cache is of its own scene; others keep this frame's.

    Returns:
        Features, anchors and the instances with the targets that they have now.
    """
    groups, kept = noisy.num_groups, cached.labels.shape[1]
    labels, codes, valid, ids = (_by_group(value, groups) for value in (
        noisy.labels, noisy.codes, noisy.valid, noisy.ids))
    same = cached.ids[..., None] == ids[:, :kept, None]  # [B, kept, slots then, slots now]
    old_codes = (same[..., None] * codes[:, :kept, None].nan_to_num()).sum(3)
    unknown = (same[..., None] & codes[:, :kept, None].isnan()).any(3)
    old = (cached.features.to(features), cached.anchors.to(anchors),
           cached.labels.masked_fill(~same.any(-1), PADDING),
           old_codes.masked_fill(unknown, float('nan')), cached.valid, cached.ids)
    new = (_by_group(features, groups), _by_group(anchors, groups), labels, codes, valid, ids)
    features, anchors, labels, codes, valid, ids = (
        _replaced(before, now, same_scene) for before, now in zip(old, new, strict=True))
    return features, anchors, NoisyInstances(anchors, labels, codes, valid, ids, groups)


@torch.no_grad()
def cache_groups(noisy: NoisyInstances, features: Tensor, anchors: Tensor,
                 options: DenoisingOptions, order: Tensor | None = None) -> CachedGroups | None:
    """Groups that go on in the next frame; None where ids are not known.

    Args:
        noisy: with the targets of the last layer.
        features: [B, S, C] after the last layer.
        anchors: [B, S, 11] after the last layer.
        order: random permutation of the groups, the same for all samples; those whose number is
            less than ``num_temporal_groups`` go on. Default: drawn.
    """
    if noisy.ids is None:
        return None
    order = torch.randperm(noisy.num_groups) if order is None else order
    chosen = torch.nonzero(order < options.num_temporal_groups)[:, 0].to(features.device)
    return CachedGroups(*(
        _by_group(value.detach(), noisy.num_groups).index_select(1, chosen)
        for value in (features, anchors, noisy.labels, noisy.valid, noisy.ids)))


def _nearest_objects(anchors: Tensor, codes: Tensor) -> Tensor:
    """Slot of the object that each anchor [R, 2n, 10] is to become, -1 for none: [R, 2n].

    Empty slots, which lie in the origin, are matched as objects are.
    """
    weights, options = torch.ones_like(codes[0]), MatchOptions()
    costs = [box_cost(rows, objects, weights, options)
             for rows, objects in zip(anchors, codes, strict=True)]
    became = torch.full(anchors.shape[:2], -1, dtype=torch.long, device=anchors.device)
    for place, (rows, columns) in enumerate(cheapest_pairs(costs, UNUSABLE_COST)):
        became[place, rows] = columns
    return became


def _slots(samples: Sequence[Tensor], count: int, nothing: float) -> Tensor:
    """[B, count, ...] of the first values of each sample, filled up with ``nothing``."""
    return torch.stack([
        F.pad(sample[:count], (0, 0) * (sample.dim() - 1) + (0, count - len(sample[:count])),
              value=nothing) for sample in samples])


def _by_sample(values: Tensor) -> Tensor:
    """[groups, B, slots, ...] -> [B, groups * slots, ...]."""
    return values.transpose(0, 1).flatten(1, 2)


def _by_group(values: Tensor, groups: int) -> Tensor:
    """[B, S, ...] -> [B, groups, slots, ...]."""
    return values.unflatten(1, (groups, -1))


def _replaced(before: Tensor, now: Tensor, same_scene: Tensor) -> Tensor:
    """The first groups of ``now`` [B, groups, slots, ...] replaced where the scene is the same.

    What had fewer slots is filled up with zeros, which do not count in the losses.
    """
    kept, slots = before.shape[1], now.shape[2]
    lacking = slots - before.shape[2]
    before = F.pad(before, (0, 0) * (before.dim() - 3) + (0, lacking)) if lacking > 0 \
        else before[:, :, :slots]
    mask = same_scene.reshape(-1, *[1] * (now.dim() - 1))
    first = torch.where(mask, before, now[:, :kept])
    return torch.cat([first, now[:, kept:]], 1).flatten(1, 2)
