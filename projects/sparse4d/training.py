"""Training over frames: targets and losses of all layers, and what of denoising goes on."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from sparse3d.argument_objects import argument_object, as_argument_object
from sparse3d.errors import DataError
from sparse3d.models.query.box_code import ground_truth_boxes
from sparse4d.anchors import projected
from sparse4d.box_targets import MatchOptions
from sparse4d.denoising import (
    CachedGroups,
    DenoisingOptions,
    Noise,
    NoisyInstances,
    cache_groups,
    continue_groups,
    noisy_instances,
)
from sparse4d.losses import InstanceLosses, LossOptions


class Step(Protocol):
    """What a frame began with; see :class:`sparse4d.instance_bank.BankStep`."""

    kept: Tensor | None
    transforms: Tensor | None
    elapsed: Tensor | None


class Outputs(Protocol):
    """Raw outputs of all layers; see :class:`sparse4d.head.HeadOutputs`."""

    logits: list[Tensor | None]
    anchors: list[Tensor]
    quality: list[Tensor | None]
    features: Tensor


@dataclass(frozen=True)
class Objects:
    """Labeled objects of a batch.

    Attributes:
        boxes: for each sample [M, 9] around gravity centers; an unknown velocity is NaN.
        labels: for each sample [M].
        ids: for each sample [M] which objects of other frames are the same; None: unknown.
    """

    boxes: Sequence[Tensor]
    labels: Sequence[Tensor]
    ids: Sequence[Tensor] | None = None

    @classmethod
    def of(cls, instances: Sequence[Mapping], device: torch.device | str) -> Objects:
        """Read ``bboxes_3d``, ``labels_3d``, and where they are there ``velocity_known`` and
        ``track_ids`` of each sample."""
        ids = [objects.get('track_ids') for objects in instances]
        return cls(
            [ground_truth_boxes(objects['bboxes_3d'], objects.get('velocity_known'))
             .to(device).float() for objects in instances],
            [torch.as_tensor(objects['labels_3d']).to(device).long() for objects in instances],
            None if any(each is None for each in ids) else
            [torch.as_tensor(each).to(device).long() for each in ids])


class DenoisingPass:
    """Denoising instances on their way through the head, behind the A learned ones.

    Args:
        first: of this frame.
        cached: groups of the frame before, or None.
        sizes: A, and the channels C of a feature.
        swapped_yaw: see :class:`sparse4d.published.Sparse4DPublished`.

    Attributes:
        later: the instances with the targets that they have after the first layer.
    """

    def __init__(self, first: NoisyInstances, cached: CachedGroups | None, sizes: tuple[int, int],
                 swapped_yaw: bool = False) -> None:
        self.first, self.later, self.anchors = first, first, first.anchors
        learned, channels = sizes
        self.features = first.anchors.new_zeros(*first.anchors.shape[:2], channels)
        self.attn_mask = _with_learned(first.attn_mask, learned)
        self._cached, self._swapped_yaw = cached, swapped_yaw

    def after_first_layer(self, step: Step, features: Tensor, anchors: Tensor
                          ) -> tuple[Tensor, Tensor]:
        """Features [B, S, C] and anchors [B, S, 11] as the second layer gets them."""
        cached = self._cached
        if cached is None or step.kept is None or self.first.ids is None \
                or len(cached.anchors) != len(anchors):
            return features, anchors
        moved = projected(cached.anchors.flatten(1, 2), step.transforms, step.elapsed,
                          self._swapped_yaw)
        cached = cached._replace(anchors=moved.unflatten(1, cached.anchors.shape[1:3]))
        features, anchors, self.later = continue_groups(self.first, features, anchors, cached,
                                                        step.kept)
        return features, anchors


@MODELS.register_module()
class Sparse4DTraining(nn.Module):
    """Losses of a head over frames; holds no weights.

    Args:
        num_classes: K.
        matching: see :class:`~sparse4d.box_targets.MatchOptions`.
        losses: see :class:`~sparse4d.losses.LossOptions`.
        denoising: see :class:`~sparse4d.denoising.DenoisingOptions`.

    Source: Sparse4D v3 (arXiv 2311.11722).
    """

    argument_objects = dict(matching=MatchOptions, losses=LossOptions, denoising=DenoisingOptions)

    def __init__(self, num_classes: int, matching: dict | MatchOptions | None = None,
                 losses: dict | LossOptions | None = None,
                 denoising: dict | DenoisingOptions | None = None) -> None:
        super().__init__()
        self.losses = InstanceLosses(num_classes, argument_object(self, 'matching', matching),
                                     argument_object(self, 'losses', losses))
        self.denoising = as_argument_object(DenoisingOptions, denoising,
                                            f'denoising of {type(self).__name__}')

    def noisy(self, objects: Objects, cached: CachedGroups | None, sizes: tuple[int, int],
              swapped_yaw: bool = False, noise: Noise | None = None) -> DenoisingPass | None:
        """Denoising instances of a batch; None without any object, or without denoising.

        Args:
            cached: groups of the frame before.
            sizes: number of learned instances, channels.
            noise: default: drawn.
        """
        first = noisy_instances(objects.boxes, objects.labels, objects.ids, self.denoising, noise)
        return None if first is None else DenoisingPass(first, cached, sizes, swapped_yaw)

    def of_outputs(self, learned: Outputs, noisy: Outputs | None, objects: Objects,
                   denoised: DenoisingPass | None) -> dict[str, Tensor]:
        """Losses of all layers, ``loss_cls_0`` and so on, those of denoising ``loss_cls_dn_0``.

        A batch without objects has the same names as others, with losses of 0: processes of one
        training must agree on them.
        """
        losses: dict[str, Tensor] = {}
        for index, (logits, anchors, quality) in enumerate(zip(
                learned.logits, learned.anchors, learned.quality, strict=True)):
            found = self.losses.matched(logits, anchors, quality, objects.boxes, objects.labels)
            losses.update({f'loss_{name}_{index}': value for name, value in found.items()})
            if not self.denoising.num_groups:
                continue
            if denoised is None or noisy is None:
                found = dict.fromkeys(('cls', 'box'), logits.sum() * 0)
            else:
                targets = denoised.first if index == 0 else denoised.later
                found = self.losses.denoised(noisy.logits[index], noisy.anchors[index], targets)
            losses.update({f'loss_{name}_dn_{index}': value for name, value in found.items()})
        return losses

    def cached(self, noisy: Outputs, denoised: DenoisingPass | None,
               order: Tensor | None = None) -> CachedGroups | None:
        """Groups that go on in the next frame; ``order`` see
        :func:`~sparse4d.denoising.cache_groups`."""
        if denoised is None or not self.denoising.num_temporal_groups:
            return None
        return cache_groups(denoised.later, noisy.features, noisy.anchors[-1], self.denoising,
                            order)


def focal_lengths(metas: Sequence[Mapping], views: int) -> Tensor:
    """[B, N] focal length of each image in pixels, from ``cam2img`` after every augmentation.

    Raises:
        DataError: if a sample has no such matrices.
    """
    found = []
    for meta in metas:
        given = meta.get('cam2img')
        matrices = np.zeros(0) if given is None else np.asarray(given, np.float64)
        if matrices.ndim != 3 or len(matrices) < views:
            raise DataError(f"the depth branch needs 'cam2img' of each of the {views} images, not "
                            f'{matrices.shape}; add it to meta_keys of the packing transform')
        found.append(np.sqrt(np.abs(np.linalg.det(matrices[:views, :2, :2]))))
    return torch.tensor(np.array(found), dtype=torch.float32)


def stacked_depth_maps(inputs: Mapping) -> list[Tensor]:
    """Depth maps of a batch, for each scale [B, N, h, w].

    Raises:
        DataError: if the data have none.
    """
    if 'depth_maps' not in inputs:
        raise DataError("the depth branch learns from depth maps, which the samples lack: add "
                        "DepthMaps to the training pipeline and 'depth_maps' to the keys of "
                        'PackSample, or leave depth_branch out of the model')
    return [torch.stack(list(level)) for level in inputs['depth_maps']]


def _with_learned(mask: Tensor, learned: int) -> Tensor:
    """[A + S, A + S] True where the row must not see the column: learned and noisy ones never."""
    whole = mask.new_ones(learned + len(mask), learned + len(mask))
    whole[:learned, :learned] = False
    whole[learned:, learned:] = mask
    return whole
