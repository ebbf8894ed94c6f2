"""VoxelKP's detector beside the released way: spconv, windows one after the other."""
from __future__ import annotations

from functools import partial
from unittest.mock import patch

from torch import Tensor

from sparse3d_benchmarks.released_convolutions import (
    NOTE,
    flat,
    for_spconv,
    in_order,
    released_convolutions,
)
from sparse3d_benchmarks.side_by_side import SideBySide
from sparse3d_benchmarks.sweep import full_sweep
from sparse3d_benchmarks.voxelkp import Detector
from voxelkp import box_attention
from voxelkp.window_attention import window_attention

MOST_REPEATS = 3


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for the whole detector, from points to what the head says of each cell."""
    return comparison().rows(min(repeats, MOST_REPEATS))


def comparison() -> SideBySide:
    """The small model on a full sweep, random weights."""
    points, source = full_sweep()
    detector = Detector('voxelkp_small.py', points, 'cpu')
    model = for_spconv(detector.model)

    def ours() -> Tensor:
        found = model.bbox_head(model.neck(model.middle_encoder(*detector.voxels(), 1)))
        return flat(found.select(in_order(found.coordinates)))

    def original() -> Tensor:
        one_by_one = partial(window_attention, backend='reference')
        with released_convolutions(), patch.object(box_attention, 'window_attention', one_by_one):
            return ours()

    note = (f'{detector.size} voxels of a {source}, small model; released: a loop over windows, '
            f'{NOTE}')
    return SideBySide('VoxelKP detector', ours, original,
                      [leaf for leaf in model.parameters() if leaf.requires_grad], note)
