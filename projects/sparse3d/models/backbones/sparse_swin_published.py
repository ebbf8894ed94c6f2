"""What the released SparseViT does otherwise, for weights that were trained with it."""
from __future__ import annotations

from dataclasses import dataclass

from sparse3d.published import PublishedSet, quirk


@dataclass(frozen=True)
class SparseSwinPublished(PublishedSet):
    """Quirks of the released SparseViT; given to the backbone itself."""

    of_one_part = True

    padding: bool = quirk(
        False, 'the map is padded with zeros, then normalized: padding enters attention as the '
        "norm's bias", "zero after the norm, as in mmdet's Swin")
    truncation: bool = quirk(
        False, 'n (1 - p) windows, cut as floating point has it: 0.8 of 10 leaves 1, 0.9 none',
        'rounded down, 1 at least')
