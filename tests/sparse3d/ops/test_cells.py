"""Keys, order, ranks, segments and neighbors of cells, each against plain Python or NumPy."""
from __future__ import annotations

import ast
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from sparse3d.errors import ConfigError
from sparse3d.ops import cells
from sparse3d.ops.ball_query import ball_query
from sparse3d.ops.sparse_pairs import strided_pairs, submanifold_pairs
from sparse3d.ops.voxelization import hard_voxelize

PROJECTS = Path(cells.__file__).parents[2]


def columns_in(shape, samples, count=500):
    return [torch.randint(extent, (count,)) for extent in (samples, *shape)]


@pytest.mark.parametrize('shape', [(5, 7, 3), (40_000, 4_000, 40_000), (6, 9), (11,)])
def test_keys_rise_with_sample_and_axes_and_back(shape):
    given = columns_in(shape, 4)
    keys = cells.cell_keys([column.int() for column in given], shape)
    expected = np.ravel_multi_index([column.numpy() for column in given], (4, *shape))
    assert keys.dtype == torch.int64 and (keys.numpy() == expected).all()
    assert all(map(torch.equal, cells.cell_columns(keys, shape), given))
    assert torch.equal(cells.cell_coordinates(keys, shape), torch.stack(given, 1).int())
    assert torch.equal(cells.cell_keys(given, torch.tensor(shape)), keys)
    strides = torch.tensor(cells.key_strides(shape))
    assert torch.equal((torch.stack(given, 1) * strides).sum(1), keys)


def test_what_does_not_fit_into_an_int64_is_refused():
    exact = (1 << 21, 1 << 21, 1 << 21)
    last = [torch.tensor([0]), *(torch.tensor([extent - 1]) for extent in exact)]
    assert cells.cell_keys(last, exact, batch_size=1).item() == 2 ** 63 - 1
    with pytest.raises(ConfigError, match='2 samples of 2097152 x 2097152 x 2097152 cells are too '
                                          'many .* use larger voxels'):
        cells.cell_keys(last, exact, batch_size=2)
    with pytest.raises(ConfigError, match='65536 samples'):
        cells.key_strides(exact)


def test_grids_whose_keys_overflowed_in_silence_are_refused():
    far = torch.tensor([[0, 0, 0, 0], [1, 2 ** 21 - 1, 2 ** 21 - 1, 2 ** 21 - 1]])
    for build in (lambda: submanifold_pairs(far, [2 ** 21] * 3, (3, 3, 3)),
                  lambda: strided_pairs(far, [2 ** 21] * 3, (1, 1, 1), (1, 1, 1), (0, 0, 0),
                                        (1, 1, 1))):
        with pytest.raises(ConfigError, match='too many to number'):
            build()
    with pytest.raises(ConfigError, match='too many to number'):
        hard_voxelize(torch.zeros(2, 3), (1e-6,) * 3, (-10.0,) * 3 + (10.0,) * 3)


@pytest.mark.parametrize('keys', [
    torch.randint(50, (700,)),
    torch.randint(50, (2, 300)),
    torch.randint(-9, 9, (200,), dtype=torch.int32),
    torch.randint(2 ** 62, 2 ** 63 - 1, (100,)).repeat(3),   # no bits to spare
    torch.tensor([-2 ** 63, 2 ** 63 - 1, -2 ** 63]),
    torch.zeros(0, dtype=torch.int64), torch.zeros(2, 0, dtype=torch.int64), torch.tensor([4])])
def test_sorting_keeps_equal_keys_in_order(keys):
    ordered, order = cells.sort_keys(keys)
    expected, rows = keys.sort(stable=True)
    assert torch.equal(ordered, expected) and ordered.dtype == keys.dtype
    assert torch.equal(order, rows) and torch.equal(cells.order_of_keys(keys), rows)


@pytest.mark.parametrize('dtype', [torch.int64, torch.int32])
@pytest.mark.parametrize('count', [0, 1, 400])
def test_distinct_keys(dtype, count):
    keys = torch.randint(60, (count,), dtype=dtype)
    expected, places = np.unique(keys.numpy(), return_inverse=True)
    distinct, found = cells.distinct_keys(keys)
    assert distinct.dtype == dtype and distinct.tolist() == expected.tolist()
    assert found.tolist() == places.tolist()


def test_segments_and_ranks_by_hand():
    segments = cells.segments_of(torch.tensor([3, 3, 5, 9, 9, 9]))
    assert segments.number.tolist() == [0, 0, 1, 2, 2, 2]
    assert segments.counts.tolist() == [2, 1, 3] and segments.first.tolist() == [0, 2, 3]
    assert segments.rank.tolist() == [0, 1, 0, 0, 1, 2]
    assert segments.rows_from(torch.tensor([10, 0, 5])).tolist() == [10, 11, 0, 5, 6, 7]
    of_counts = cells.segments_of_counts(torch.tensor([2, 0, 1]))
    assert of_counts.number.tolist() == [0, 0, 2] and of_counts.rank.tolist() == [0, 1, 0]
    known = cells.segments_of_counts(torch.tensor([2, 0, 1]), 3)
    assert torch.equal(known.number, of_counts.number)
    assert cells.ranks_in_groups(torch.tensor([1, 0, 1, 1]), 3).tolist() == [0, 0, 1, 2]
    by_row_from_the_end = torch.tensor([1, 3, 2, 0])
    assert cells.ranks_in_groups(torch.tensor([1, 0, 1, 1]), 3,
                                 by_row_from_the_end).tolist() == [2, 0, 1, 0]


def test_parts_hold_every_segment_once_and_about_so_many_rows():
    lengths = torch.randint(20, (50,))
    parts = cells.parts_of_about(lengths, 64)
    assert list(itertools.chain(*(range(50)[part] for part, _ in parts))) == list(range(50))
    assert all(lengths[part][1:].sum() < 64 for part, _ in parts)
    assert all(lengths[part].sum() == rows for part, rows in parts)
    assert cells.parts_of_about(lengths[:0], 64) == []


REDUCTIONS = {'sum': (cells.sum_groups, np.sum), 'mean': (cells.mean_groups, np.mean),
              'max': (cells.max_groups, np.max), 'min': (cells.min_groups, np.min)}


@pytest.mark.parametrize('name', REDUCTIONS)
@pytest.mark.parametrize('shape', [(300,), (300, 4), (0, 4), (0,)])
def test_groups_are_reduced(name, shape):
    reduce, expected = REDUCTIONS[name]
    values, groups = torch.randn(shape, dtype=torch.float64), torch.randint(9, shape[:1])
    groups[groups == 5] = 4
    found = reduce(values, groups, 9)
    for group in range(9):
        rows = values[groups == group].numpy()
        wanted = expected(rows, axis=0) if len(rows) else np.zeros(shape[1:])
        np.testing.assert_allclose(found[group].numpy(), wanted, rtol=1e-12)


def test_integers_and_empty_groups_of_extremes():
    values, groups = torch.tensor([[4], [-7], [2]]), torch.tensor([0, 0, 2])
    assert cells.max_groups(values, groups, 3, empty=-1).flatten().tolist() == [4, -1, 2]
    assert cells.min_groups(values, groups, 3).flatten().tolist() == [-7, 0, 2]
    infinite = cells.min_groups(torch.tensor([1.5]), torch.tensor([1]), 2, empty=torch.inf)
    assert infinite.tolist() == [torch.inf, 1.5]


@pytest.mark.parametrize('name', REDUCTIONS)
def test_gradients_of_groups(name):
    values = torch.randn(12, 2, dtype=torch.float64, requires_grad=True)
    groups = torch.randint(5, (12,))
    assert torch.autograd.gradcheck(lambda given: REDUCTIONS[name][0](given, groups, 6), values)


def test_equal_values_share_the_gradient_also_where_they_are_zero():
    values = torch.tensor([0.0, 0.0, -1.0], requires_grad=True)
    cells.max_groups(values, torch.tensor([0, 0, 0]), 1).sum().backward()
    assert values.grad.tolist() == [0.5, 0.5, 0.0]


def test_segments_are_reduced_like_groups():
    counts = torch.tensor([3, 1, 4])
    values, number = torch.randn(8, 5), cells.segments_of_counts(counts).number
    for segments, groups in ((cells.mean_segments, cells.mean_groups),
                             (cells.max_segments, cells.max_groups)):
        torch.testing.assert_close(segments(values, counts), groups(values, number, 3))
        assert segments(values[:0], counts[:0]).shape == (0, 5)


@pytest.mark.parametrize('reach', [(0, 0, 0), (1, 1, 1), (1, 0, 2)])
@pytest.mark.parametrize('on_device', [False, True])
def test_neighbor_runs_hold_the_cells_around_a_query(reach, on_device):
    shape = (4, 5, 6)
    taken = (torch.rand(2, *shape) < 0.4).nonzero()
    keys = cells.cell_keys(taken.unbind(1), shape)
    queries = torch.stack([torch.randint(2, (60,)), *(torch.randint(-2, extent + 2, (60,))
                                                      for extent in shape)], 1)
    begin, end = cells.neighbor_runs(keys, queries[:, 0], queries[:, 1:],
                                     torch.tensor(shape) if on_device else shape, reach)
    for query, first, last in zip(queries, begin, end, strict=True):
        found = [row for run in zip(first.tolist(), last.tolist(), strict=True)
                 for row in range(*run)]
        near = ((taken[:, 1:] - query[1:]).abs() <= torch.tensor(reach)).all(1)
        assert found == (near & (taken[:, 0] == query[0])).nonzero().flatten().tolist()


def test_a_ball_query_over_a_huge_cloud_finds_its_neighbors():
    """The grid of cells of one radius would have had 1e30 of them: keys that wrapped around."""
    points = torch.tensor([[-5e4, -5e4, -5e4], [0, 0, 0], [0, 0, 4e-6], [5e4, 5e4, 5e4]])
    sample = torch.zeros(4, dtype=torch.long)
    given = points, sample, points, sample, 1e-5, 2
    rows, empty = ball_query(*given)
    expected, none = ball_query(*given, backend='reference')
    assert torch.equal(rows, expected) and torch.equal(empty, none)


ONLY_HERE = {'unique_consecutive', 'segment_reduce', 'searchsorted', 'scatter_reduce',
             'scatter_reduce_', 'bincount'}
MAY = {  # what is no cell, group or segment
    'sparse3d/ops/points_in_boxes.py': 'places of points along x, first box of a point',
    'sparse3d/ops/gaussian_heatmap.py': 'the highest of Gaussians that overlap, on a full map',
    'sparse3d/models/backbones/object_mask.py': 'the highest of ellipses that overlap, on a map',
    'sparse3d/ops/sparse_blocks.py': 'pairs of a block by output row, 16 bits each',
    'sparse3d/ops/sparse_pairs.py': 'neighbors among sorted keys, for pair tables alone',
    'sparse3d/ops/sparse_depth.py': 'the nearest point of each pixel',
    'sparse3d/ops/circle_grid.py': 'circles in the same cell of sorted keys, in pairs',
    'safdnet/cell_dilation.py': 'rows of the cells of a map within a larger one, keys sorted',
    'safdnet/cell_targets.py': 'the highest of the heat of the objects of a class',
    'dsvt/deployable.py': 'what becomes ScatterElements of an ONNX graph',
}


def test_nobody_else_groups_cells():
    """A key, a rank or a segment made elsewhere is a second implementation."""
    found = set()
    for path in PROJECTS.rglob('*.py'):
        name = path.relative_to(PROJECTS).as_posix()
        if name.split('/')[0] == 'sparse3d' and name.split('/')[1] not in ('ops', 'models'):
            continue
        names = {node.attr for node in ast.walk(ast.parse(path.read_text()))
                 if isinstance(node, ast.Attribute)}
        if names & ONLY_HERE and name != 'sparse3d/ops/cells.py':
            found.add(name)
    assert found == set(MAY), found ^ set(MAY)
