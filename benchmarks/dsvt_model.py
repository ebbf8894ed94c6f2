"""DSVT's pillar model beside the released way: padded tables, every slot projected."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch
from torch import Tensor, nn

from dsvt import dsvt_stage
from dsvt.rotated_sets import RotatedSets
from dsvt.set_attention import SetAttention
from dsvt.window_partition import Window, partition_windows, position_in_window
from sparse3d.ops.voxelization import voxel_coordinates
from sparse3d_benchmarks.dsvt import GRIDS, MODEL_GRID, MODEL_RANGE, PillarModel, sweeps
from sparse3d_benchmarks.dsvt_slots import attend_slot_by_slot, sets_by_padding
from sparse3d_benchmarks.side_by_side import SideBySide

MOST_REPEATS = 5


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for the whole model, from points to head maps."""
    return comparison().rows(min(repeats, MOST_REPEATS))


def comparison() -> SideBySide:
    """The Waymo pillar model on a part of its range, random weights."""
    torch.manual_seed(0)
    clouds, source = sweeps()
    model, points = PillarModel().eval(), clouds[0]
    cells = voxel_coordinates(points, GRIDS['Waymo pillar'][0], MODEL_RANGE)
    coordinates = nn.functional.pad(cells, (1, 0))

    def ours() -> Tensor:
        return torch.cat(list(model(points, coordinates).values()), 1)

    def original() -> Tensor:
        with released_way():
            return ours()

    note = (f'one {source}, {MODEL_GRID[0]} x {MODEL_GRID[1]} of the 468 x 468 published cells; '
            'released: padded tables, every slot projected')
    return SideBySide('DSVT pillar model', ours, original, list(model.parameters()), note)


@contextmanager
def released_way() -> Iterator[None]:
    """Partition and attention as released for the length of a block."""

    def sets(coordinates: Tensor, window: Window, set_size: int) -> RotatedSets:
        voxels, repeated = sets_by_padding(coordinates, window, set_size)
        inside = partition_windows(coordinates, window)[1]
        position = position_in_window(inside, window.shape, 'x')
        return RotatedSets(voxels, repeated, torch.empty(2, 0), position, inside)

    def attend(self: SetAttention, features: Tensor, position: Tensor, voxels: Tensor,
               attended: Tensor, _: Tensor) -> Tensor:
        return attend_slot_by_slot(self, features, position, voxels, ~attended)

    with patch.object(dsvt_stage, 'rotated_sets', sets), \
            patch.object(SetAttention, 'forward', attend):
        yield
