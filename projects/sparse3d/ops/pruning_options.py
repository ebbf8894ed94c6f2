"""How a sparse encoder is pruned: the options, without any layer."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparse3d.errors import ConfigError

IMPORTANCE = ('sigmoid', 'none')
CHOICES = ('magnitude', 'random')
LEAST_SIGMOID = 0.5  # of a magnitude, which is 0 or more


@dataclass(frozen=True)
class PruningOptions:
    """How a sparse encoder is pruned; a config gives it as ``middle_encoder.pruning``.

    Attributes:
        submanifold_keep_ratio: share of the voxels of a sample where submanifold convolutions are
            computed; a number, or one for each pruned layer in their order. 1 leaves them plain.
        downsampling_keep_ratio: share whose voxels open all cells around them in down-sampling.
        importance: what features are multiplied by: ``'sigmoid'`` of their magnitude, as
            published, or ``'none'``: with a ratio of 1 the encoder is then as it was, bit for bit.
        choice: ``'magnitude'``, or ``'random'``: as many voxels, drawn; the control.
        threshold: in place of the ratios: voxels are weak whose sigmoid is at most this.
        submanifold_bias: a bias in pruned submanifold convolutions that have none.
        skip_index_zero, center_on_even, colliding_keys: accidents of the release, wanted for its
            weights only, see :mod:`sparse3d.ops.pruned_edges` and
            :class:`~sparse3d.models.layers.pruned_convolution.PrunedDownsampling`.

    Source: SPS-Conv (NeurIPS 2022).
    """

    submanifold_keep_ratio: float | Sequence[float] = 0.5
    downsampling_keep_ratio: float | Sequence[float] = 0.5
    importance: str = 'sigmoid'
    choice: str = 'magnitude'
    threshold: float | None = None
    submanifold_bias: bool = False
    skip_index_zero: bool = False
    center_on_even: bool = False
    colliding_keys: bool = False

    def __post_init__(self) -> None:
        for name, known in (('importance', IMPORTANCE), ('choice', CHOICES)):
            if getattr(self, name) not in known:
                raise ConfigError(f'pruning.{name} is {getattr(self, name)!r}; use '
                                  f'{" or ".join(map(repr, known))}')
        for name in ('submanifold_keep_ratio', 'downsampling_keep_ratio'):
            ratio = getattr(self, name)
            several = isinstance(ratio, Sequence) and not isinstance(ratio, str)
            if not all(map(_is_share, ratio if several else [ratio])):
                raise ConfigError(f'pruning.{name} is {ratio!r:.80}; it is the share of voxels '
                                  f'that stay: use 0 to 1')
        if self.threshold is not None and not (_is_share(self.threshold)
                                               and LEAST_SIGMOID <= self.threshold < 1):
            raise ConfigError(f'pruning.threshold is {self.threshold!r:.80}, and the sigmoid of a '
                              f'magnitude lies from {LEAST_SIGMOID} to below 1: give a threshold '
                              f'there')

    @property
    def as_published(self) -> bool:
        """Whether a down-sampling follows accidents of the release."""
        return self.skip_index_zero or self.center_on_even or self.colliding_keys


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
