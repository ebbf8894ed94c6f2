"""What the released SPS-Conv does otherwise, for its weights."""
from __future__ import annotations

from dataclasses import dataclass

from sparse3d.published import PublishedSet, quirk

PRUNING = 'model.middle_encoder.pruning'


def option(name: str, does: str, right: str) -> bool:
    """A quirk that is an option of the pruning."""
    return quirk(False, does, right, switches={f'{PRUNING}.{name}': True})


@dataclass(frozen=True)
class SPSConvPublished(PublishedSet):
    """Quirks of the released SPS-Conv; all are options of the pruning, off for a new training."""

    skip_index_zero: bool = option(
        'skip_index_zero', 'down-sampling never makes the first cell of an axis: the outermost '
        'layer of the grid is lost on three sides, at every stage', 'all cells are alike')
    center_on_even: bool = option(
        'center_on_even', 'cell o of a down-sampling is centered on 2 o; its padding says only '
        'how many cells there are', 'on 2 o + 1 - padding')
    colliding_keys: bool = option(
        'colliding_keys', 'keys are built with the largest index of a sample: the end of a row '
        'and the beginning of the next become one voxel with added features', 'exact keys')
