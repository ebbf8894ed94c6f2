"""Sets of voxels: by hand, against a loop over windows, against the stored partitions."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dsvt.rotated_sets import rotated_sets
from dsvt.window_partition import Window, partition_windows

PUBLISHED = {
    'full_pillar': ((12, 12, 1), (24, 24, 1), (6, 6, 0), 36, (468, 468, 1)),
    'full_voxel': ((12, 12, 32), (24, 24, 32), (6, 6, 0), 48, (468, 468, 32)),
    'full_nus': ((30, 30, 1), (30, 30, 1), (15, 15, 0), 90, (360, 360, 1)),
}


def sets_in_a_loop(coordinates, window, set_size):
    """The definition, window after window: lists of sets for both orders."""
    members = {}
    for row, (sample, z, y, x) in enumerate(coordinates.tolist()):
        moved = [cell + shift for cell, shift in zip((x, y, z), window.shift, strict=True)]
        key = (sample, *(cell // size for cell, size in zip(moved, window.shape, strict=True)))
        inside = [cell % size for cell, size in zip(moved, window.shape, strict=True)]
        members.setdefault(key, []).append((row, *inside))
    by_order = []
    for order in ((2, 1, 3), (1, 2, 3)):                      # y, x, z and x, y, z
        sets = []
        for key in sorted(members):
            ranked = sorted(members[key], key=lambda voxel: [voxel[axis] for axis in order])
            count = len(ranked)
            number = -(-count // set_size)
            sets += [[ranked[(j * set_size + k) * count // (number * set_size)][0]
                      for k in range(set_size)] for j in range(number)]
        by_order.append(sets)
    return np.array(by_order)


def test_five_voxels_of_one_window_by_hand():
    # x, y of the voxels: 0: (0, 0), 1: (1, 0), 2: (0, 1), 3: (1, 1), 4: (2, 0)
    coordinates = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0], [0, 0, 1, 1],
                                [0, 0, 0, 2]])
    sets = rotated_sets(coordinates, Window((4, 4, 1), (0, 0, 0), (4, 4, 1)), 4)
    # Two sets of four slots for five voxels: ranks 0 0 1 1 and 2 3 3 4.
    assert sets.voxels[0].tolist() == [[0, 0, 1, 1], [4, 2, 2, 3]]   # row by row
    assert sets.voxels[1].tolist() == [[0, 0, 2, 2], [1, 3, 3, 4]]   # column by column
    assert sets.repeated[0].tolist() == [[False, True, False, True], [False, False, True, False]]
    assert sets.slot_of_voxel[0].tolist() == [0, 2, 5, 7, 4]


@pytest.mark.parametrize('shift', [0, 1])
@pytest.mark.parametrize('name', PUBLISHED)
def test_published_grids_exactly(golden, name, shift):
    plain, shifted, by, set_size, grid = PUBLISHED[name]
    window = Window(shifted, by, grid) if shift else Window(plain, (0, 0, 0), grid)
    stored = {part: golden.partition[f'{name}_{part}_s0_shift{shift}'] for part in
              ('win_inds', 'coors_in_win', 'set_voxel_inds', 'set_voxel_mask')}
    coordinates = torch.from_numpy(golden.partition[f'{name}_voxel_coords_s0'].astype(np.int32))
    sets = rotated_sets(coordinates, window, set_size)
    np.testing.assert_array_equal(partition_windows(coordinates, window)[0], stored['win_inds'])
    np.testing.assert_array_equal(sets.inside, stored['coors_in_win'])
    np.testing.assert_array_equal(sets.voxels, stored['set_voxel_inds'])
    np.testing.assert_array_equal(sets.repeated, stored['set_voxel_mask'])


@settings(deadline=None, max_examples=60)
@given(st.sets(st.tuples(st.integers(0, 1), st.integers(0, 5), st.integers(0, 8),
                         st.integers(0, 9)), min_size=1, max_size=120),
       st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 7)),
       st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 3)),
       st.integers(1, 11), st.randoms(use_true_random=False))
def test_any_voxels_against_the_loop(cells, shape, shift, set_size, random):
    cells = sorted(cells)
    random.shuffle(cells)
    coordinates, grid = torch.tensor(cells), (10, 9, 6)
    spans = shape[2] >= grid[2]
    window = Window(shape, shift, grid)
    sets = rotated_sets(coordinates, window, set_size)
    in_z = Window(shape, (*shift[:2], 0), grid) if spans else window
    np.testing.assert_array_equal(sets.voxels, sets_in_a_loop(coordinates, in_z, set_size))
    everyone = torch.arange(len(cells)).expand(2, -1)
    assert torch.equal(sets.voxels.flatten(1).gather(1, sets.slot_of_voxel), everyone)
    assert not sets.repeated.flatten(1).gather(1, sets.slot_of_voxel).any()
    assert (~sets.repeated).sum().item() == 2 * len(cells)


def test_the_order_of_the_rows_changes_names_only():
    coordinates = torch.cartesian_prod(*(torch.arange(n) for n in (2, 1, 9, 7)))[::3]
    window = Window((4, 4, 1), (2, 2, 0), (7, 9, 1))
    shuffled = torch.randperm(len(coordinates))
    sets = rotated_sets(coordinates, window, 6)
    assert torch.equal(shuffled[rotated_sets(coordinates[shuffled], window, 6).voxels], sets.voxels)


def test_no_voxel_and_one_voxel():
    window = Window((4, 4, 1), (0, 0, 0), (8, 8, 1))
    nothing = rotated_sets(torch.zeros(0, 4, dtype=torch.int32), window, 5)
    assert nothing.voxels.shape == (2, 0, 5)
    assert nothing.slot_of_voxel.shape == (2, 0)
    one = rotated_sets(torch.tensor([[0, 0, 7, 3]]), window, 5)
    assert one.voxels.tolist() == [[[0] * 5]] * 2
    assert one.repeated[0].tolist() == [[False, True, True, True, True]]
