"""Instances that live from frame to frame: learned anchors, and those of the frame before.

The bank itself holds learned anchors alone. What passes from frame to frame is a
:class:`BankState`, owned by who drives the streams.

Source: Sparse4D v2 (arXiv 2305.14018), section 3.2; v3 (arXiv 2311.11722), section 3.4.
"""
from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from sparse3d.errors import ConfigError, DataError
from sparse4d.anchor_file import read_anchor_file
from sparse4d.anchors import COS, NUMBERS, projected
from sparse4d.frame import Frame
from sparse4d.published import Sparse4DPublished

TENSORS = ('features', 'anchors', 'confidence', 'timestamps', 'lidar2global', 'ids')
FIRST_INTERVAL = 0.5  # [s] taken where there is no frame before, or one of the same time


@dataclass(frozen=True)
class BankState:
    """The best instances of the last frame of B streams.

    Attributes:
        features: [B, T, C].
        anchors: [B, T, 11] in the LiDAR frames of that frame.
        confidence: [B, T] falling.
        timestamps, lidar2global, scenes: of that frame, see :class:`sparse4d.frame.Frame`.
        ids: [B, T] int64, -1 for an instance without identity; None where none are given.
        next_id: what the next new instance is called.
    """

    features: Tensor
    anchors: Tensor
    confidence: Tensor
    timestamps: Tensor
    lidar2global: Tensor
    scenes: tuple[Hashable, ...] | None = None
    ids: Tensor | None = None
    next_id: int = 0

    def __len__(self) -> int:
        return len(self.timestamps)

    def forgotten(self) -> BankState:
        """Without streams: what follows starts afresh, and identities go on."""
        parts = {name: getattr(self, name)[:0] for name in TENSORS if name != 'ids'}
        return BankState(**parts, next_id=self.next_id)


@dataclass(frozen=True)
class BankStep:
    """What the bank gives for a frame.

    Attributes:
        features, anchors: learned, [B, A, C] and [B, A, 11].
        interval: [B] seconds to refine velocities by.
        state: of the frame before, its anchors moved to this one; None: there is none.
        kept: [B] bool, which samples go on from the frame before; None without a state.
        attended: [B] bool, in which samples instances of the frame before are keys; None with a
            state: in all.
        transforms: [B, 4, 4] float32 from the LiDAR frame before to the present one.
        elapsed: [B] float32 seconds since the frame before, of either sign; 0 without one.
        next_id: what the next new instance is called.
    """

    features: Tensor
    anchors: Tensor
    interval: Tensor
    state: BankState | None = None
    kept: Tensor | None = None
    attended: Tensor | None = None
    transforms: Tensor | None = None
    elapsed: Tensor | None = None
    next_id: int = 0


@dataclass(frozen=True)
class BankOptions:
    """Sizes and times of the bank.

    Attributes:
        num_anchors: A.
        num_temporal: T, instances that pass to the next frame; 0: none do.
        anchors: a NumPy file with the first anchors [A, 11], see ``sparse3d create_data``; None:
            drawn within ``reach``.
        reach: meters, of drawn anchors.
        max_interval: seconds, of either sign; after more the next frame starts afresh.
        decay: of the confidence of an instance from frame to frame.
        learn_anchors: whether anchors are trained.
        learn_features: whether the features that instances begin with are (v1); else they are 0.
        id_threshold: an instance of less confidence gets no identity; None: all do.
        first_interval: seconds taken where there is no frame before, or one of the same time.
    """

    num_anchors: int = 900
    num_temporal: int = 600
    anchors: str | None = None
    reach: float = 55.0
    max_interval: float = 2.0
    decay: float = 0.6
    learn_anchors: bool = True
    learn_features: bool = False
    id_threshold: float | None = None
    first_interval: float = FIRST_INTERVAL


class InstanceBank(nn.Module):
    """Learned anchors, and what the best instances of a frame are in the next.

    Args:
        channels: C.
        options: see :class:`BankOptions`.
        quirks: of the carrying over.

    Raises:
        ConfigError: if more instances are carried over than there are, or for a size or a time that
            is none.
    """

    def __init__(self, channels: int, options: BankOptions | None = None,
                 quirks: Sparse4DPublished | None = None) -> None:
        super().__init__()
        self.quirks = quirks or Sparse4DPublished()
        self.options = options = _of_the_file(options or BankOptions(), self.quirks.num_anchors)
        _refuse_odd(options)
        if not 0 <= options.num_temporal <= options.num_anchors:
            raise ConfigError(f'num_temporal is {options.num_temporal} and num_anchors '
                              f'{options.num_anchors}; carry over so many at most')
        self.anchor = nn.Parameter(first_anchors(options), requires_grad=options.learn_anchors)
        features = torch.zeros(options.num_anchors, channels)
        if options.learn_features:
            self.instance_feature = nn.Parameter(nn.init.xavier_uniform_(features))
        else:
            self.register_buffer('instance_feature', features)

    def get(self, frame: Frame, state: BankState | None = None) -> BankStep:
        """Instances to begin a frame with.

        Args:
            frame: of B samples.
            state: of the frame before; of one of another number of samples only the count of
                identities goes on.
        """
        batch = len(frame)
        features, anchors = (part.expand(batch, -1, -1) for part in (
            self.instance_feature, self.anchor))
        interval = features.new_full((batch,), self.options.first_interval)
        if state is None or len(state) != batch:
            next_id = 0 if state is None or self.quirks.ids_restart else state.next_id
            return BankStep(features, anchors, interval, elapsed=torch.zeros_like(interval),
                            next_id=next_id)
        elapsed = (frame.timestamps - state.timestamps).to(features)
        kept = elapsed.abs() <= self.options.max_interval
        if not self.quirks.scenes_by_time:
            kept = kept & same_scenes(frame, state).to(kept.device)
        transforms = (torch.linalg.inv(frame.lidar2global) @ state.lidar2global).to(features)
        moved = projected(state.anchors, transforms, elapsed, self.quirks.swapped_yaw)
        if not self.quirks.constant_interval:
            interval = torch.where((elapsed != 0) & kept, elapsed, interval)
        attended = torch.ones_like(kept) if self.quirks.stale_keys else kept
        return BankStep(features, anchors, interval, _with(state, anchors=moved), kept, attended,
                        transforms, elapsed, state.next_id)

    def update(self, step: BankStep, features: Tensor, anchors: Tensor, logits: Tensor
               ) -> tuple[Tensor, Tensor]:
        """Instances after the first layer: those of the frame before, then the best new ones.

        Args:
            features, anchors, logits: [B, A, ...] of the first layer.

        Returns:
            features and anchors [B, A, ...]; as given where a sample starts afresh.
        """
        if step.state is None:
            return features, anchors
        _, best = highest(logits.max(-1).values, features.shape[1] - step.state.features.shape[1])
        kept = step.kept[:, None, None]
        return tuple(
            torch.where(kept, torch.cat([before, _rows(new, best)], 1), new)
            for before, new in ((step.state.features, features), (step.state.anchors, anchors)))

    @torch.no_grad()
    def cache(self, step: BankStep, features: Tensor, anchors: Tensor, logits: Tensor,
              frame: Frame, with_ids: bool = False) -> tuple[BankState | None, Tensor | None]:
        """What passes on to the next frame, and the identities in this one.

        Args:
            step: that the frame began with.
            features, anchors, logits: [B, A, ...] of the last layer.
            frame: they belong to.
            with_ids: whether instances get identities (never in training).

        Returns:
            The state, None if nothing is carried over; ids [B, A] or None.
        """
        if self.options.num_temporal == 0:
            return None, None
        own = logits.max(-1).values.sigmoid()
        best, rows = highest(self.decayed(step, own), self.options.num_temporal)
        ids, next_id = self.identities(step, own) if with_ids else (None, step.next_id)
        return BankState(
            _rows(features, rows).detach(), _rows(anchors, rows).detach(), best.detach(),
            frame.timestamps, frame.lidar2global, frame.scenes,
            None if ids is None else ids.gather(1, rows), next_id), ids

    def decayed(self, step: BankStep, confidence: Tensor) -> Tensor:
        """Confidence [B, A], where it was larger in the frame before that, smaller each time."""
        if step.state is None:
            return confidence
        count = step.state.features.shape[1]
        before = step.state.confidence * self.options.decay
        if step.attended is not None:
            before = torch.where(step.attended[:, None], before, 0)
        return torch.cat([torch.maximum(confidence[:, :count], before), confidence[:, count:]], 1)

    def identities(self, step: BankStep, confidence: Tensor) -> tuple[Tensor, int]:
        """Identities [B, A], inherited or new, and what the next new one will be."""
        ids = torch.full(confidence.shape, -1, device=confidence.device)
        if step.state is not None and step.state.ids is not None:
            count = step.state.ids.shape[1]
            ids[:, :count] = torch.where(step.kept[:, None], step.state.ids, -1)
        new = ids < 0
        if self.options.id_threshold is not None:
            new &= confidence >= self.options.id_threshold
        next_id = step.next_id + int(new.sum())
        ids[new] = torch.arange(step.next_id, next_id, device=ids.device)
        return ids, next_id


def first_anchors(options: BankOptions) -> Tensor:
    """Anchors [A, 11] to begin a training with: those of the file, or drawn around the car.

    Raises:
        DataError: if the file cannot be read or holds other numbers.
    """
    if options.anchors is None:
        return drawn_anchors(options.num_anchors, options.reach)
    return torch.from_numpy(read_anchor_file(options.anchors, options.num_anchors))


def drawn_anchors(count: int, reach: float) -> Tensor:
    """Anchors [count, 11] of one meter, evenly over a disk of ``reach`` meters on the ground."""
    anchors = torch.zeros(count, NUMBERS)
    place = torch.arange(count) + 0.5
    angle = place * (np.pi * (3 - 5 ** 0.5))  # the golden angle: no two lie on one ray
    radius = reach * (place / count).sqrt()
    anchors[:, 0], anchors[:, 1], anchors[:, COS] = radius * angle.cos(), radius * angle.sin(), 1
    return anchors


def same_scenes(frame: Frame, state: BankState | Frame) -> Tensor:
    """[B] bool, False where a sample is of another scene than before; unknown ones are the same."""
    if frame.scenes is None or state.scenes is None:
        return torch.ones(len(frame), dtype=torch.bool)
    return torch.tensor([now == then for now, then in zip(frame.scenes, state.scenes, strict=True)])


def joined(states: Sequence[BankState]) -> BankState:
    """States of several streams as one of a batch; ids go on from the largest.

    Raises:
        DataError: if only some of them carry ids.
    """
    if len({state.ids is None for state in states}) > 1:
        raise DataError('some streams carry identities and some do not; join those that do')
    whole = {name: torch.cat([getattr(state, name) for state in states])
             for name in TENSORS if name != 'ids'}
    scenes = None if any(state.scenes is None for state in states) else tuple(
        scene for state in states for scene in state.scenes)
    ids = None if states[0].ids is None else torch.cat([state.ids for state in states])
    return BankState(**whole, scenes=scenes, ids=ids,
                     next_id=max(state.next_id for state in states))


def highest(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The highest of values [B, A], highest first, and their rows, [B, count] each.

    Of equal ones the first: instances that no camera sees are classified alike, and every device
    and engine has to choose the same.
    """
    if torch.compiler.is_compiling():  # ONNX's TopK is of that order already
        return values.topk(count)
    values, rows = values.sort(descending=True, stable=True)
    return values[:, :count], rows[:, :count]


def _of_the_file(options: BankOptions, num_anchors: int | None) -> BankOptions:
    """Sizes of a bank whose anchors come with a checkpoint."""
    if num_anchors is None or num_anchors == options.num_anchors:
        return options
    temporal = options.num_temporal * num_anchors // options.num_anchors
    return replace(options, num_anchors=num_anchors, num_temporal=temporal, anchors=None)


def _refuse_odd(options: BankOptions) -> None:
    for name in ('num_anchors', 'reach', 'max_interval', 'first_interval'):
        if not getattr(options, name) > 0:
            raise ConfigError(f'{name} of the instance bank is {getattr(options, name)!r}; it has '
                              f'to be more than 0')
    for name in ('decay', 'id_threshold'):
        value = getattr(options, name)
        if value is not None and not 0 <= value <= 1:
            raise ConfigError(f'{name} of the instance bank is {value!r}; it lies between 0 and 1')


def _with(state: BankState, **changed: Tensor) -> BankState:
    return BankState(**{**vars(state), **changed})


def _rows(values: Tensor, rows: Tensor) -> Tensor:
    """Rows [B, M] of values [B, A, C]."""
    return values.gather(1, rows[..., None].expand(-1, -1, values.shape[-1]))
