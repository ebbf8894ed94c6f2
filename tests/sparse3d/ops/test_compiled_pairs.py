"""Tables by the compiled kernels are those of NumPy, number by number."""
from __future__ import annotations

import pytest
import torch

from sparse3d.ops import compiled_pairs, sparse_pairs
from sparse3d.ops.cells import cell_keys
from sparse3d.ops.compiled_kernels import lack

pytestmark = pytest.mark.skipif(lack() is not None, reason=f'the compiled backend {lack()}')


def by_numpy(monkeypatch, build):
    with monkeypatch.context() as patch:
        patch.setattr(compiled_pairs, 'library', lambda: None)
        return build()


def assert_same(found, expected):
    assert torch.equal(found.neighbors, expected.neighbors)
    assert found.neighbors.dtype == expected.neighbors.dtype
    assert torch.equal(found.output_coordinates, expected.output_coordinates)
    assert found.output_coordinates.dtype == expected.output_coordinates.dtype
    assert (found.output_shape, found.symmetric) == (expected.output_shape, expected.symmetric)


def voxels(shape, share, batch_size, shuffled):
    coordinates = (torch.rand(batch_size, *shape) < share).nonzero().int()
    return coordinates[torch.randperm(len(coordinates))] if shuffled else coordinates


@pytest.mark.parametrize('shuffled', [False, True])
@pytest.mark.parametrize('share', [0.0, 0.002, 0.3, 1.0])
@pytest.mark.parametrize(('shape', 'kernel', 'dilation'), [
    ((6, 9, 8), (3, 3, 3), (1, 1, 1)), ((6, 9, 8), (3, 1, 5), (1, 1, 1)),
    ((9, 9, 8), (3, 3, 3), (2, 1, 3)), ((6, 7, 8), (2, 4, 2), (1, 1, 1)),
    ((6, 7, 8), (1, 1, 1), (1, 1, 1)), ((12, 11), (5, 3), (1, 2))])
def test_submanifold(monkeypatch, shape, kernel, dilation, share, shuffled):
    coordinates = voxels(shape, share, 2, shuffled)

    def build():
        return sparse_pairs.submanifold_pairs(coordinates, shape, kernel, dilation)
    assert_same(build(), by_numpy(monkeypatch, build))


@pytest.mark.parametrize('share', [0.0, 0.002, 0.3, 1.0])
@pytest.mark.parametrize(('kernel', 'stride', 'padding', 'dilation'), [
    ((3, 3, 3), (2, 2, 2), (1, 1, 1), (1, 1, 1)), ((3, 1, 1), (2, 1, 1), (0, 0, 0), (1, 1, 1)),
    ((3, 3, 3), (1, 2, 3), (2, 1, 0), (2, 1, 2)), ((2, 2, 2), (2, 2, 2), (0, 0, 0), (1, 1, 1))])
def test_strided_and_transposed(monkeypatch, kernel, stride, padding, dilation, share):
    shape = (7, 10, 9)
    coordinates = voxels(shape, share, 3, True)

    def strided():
        return sparse_pairs.strided_pairs(coordinates, shape, kernel, stride, padding, dilation)

    def transposed():
        return sparse_pairs.transposed_pairs(coordinates, shape, kernel, stride, padding, dilation,
                                             (0, 0, 0))
    for build in (strided, transposed):
        assert_same(build(), by_numpy(monkeypatch, build))


def test_a_volume_too_large_for_a_bitmap_is_left_to_numpy(monkeypatch):
    shape = (4000, 40000, 40000)
    far = torch.tensor([[0, 3999, 39999, 39998], [0, 0, 0, 0]])

    def build():
        return sparse_pairs.strided_pairs(far, shape, (3, 3, 3), (2, 2, 2), (1, 1, 1), (1, 1, 1))
    marked = []
    monkeypatch.setattr(compiled_pairs, 'call_for_result', lambda *given: marked.append(given))
    assert_same(build(), by_numpy(monkeypatch, build))
    assert not marked


@pytest.mark.parametrize('shuffled', [False, True])
def test_keys_are_those_of_cells_and_say_whether_they_rise(shuffled):
    coordinates = voxels((6, 9, 8), 0.3, 3, shuffled)
    found = compiled_pairs.voxel_keys(coordinates, (6, 9, 8), (12, 15, 14))
    keys = cell_keys(coordinates.unbind(1), (12, 15, 14), 3)
    assert torch.equal(found.keys, keys) and found.batch_size == 3
    assert found.rising == bool((keys[1:] >= keys[:-1]).all())


@pytest.mark.parametrize('wrong', [(0, 6, 0, 0), (0, 0, -1, 0), (-1, 0, 0, 0), (0, 1, 2, 3)])
def test_what_has_to_be_named_is_left_to_those_who_name_it(wrong):
    coordinates = torch.tensor([(0, 1, 2, 3), wrong], dtype=torch.int32)
    assert compiled_pairs.voxel_keys(coordinates, (6, 9, 8), (6, 9, 8)) is None
    with pytest.raises(ValueError, match='more than once|outside the spatial shape'):
        sparse_pairs.submanifold_pairs(coordinates, (6, 9, 8), (3, 3, 3))


def test_a_table_keeps_nothing_of_what_was_given():
    coordinates = voxels((6, 9, 8), 0.3, 1, False)
    for table in (sparse_pairs.submanifold_pairs(coordinates, (6, 9, 8), (3, 3, 3)),
                  sparse_pairs.strided_pairs(coordinates, (6, 9, 8), (3, 3, 3), (2, 2, 2),
                                             (1, 1, 1), (1, 1, 1))):
        for kept in (table.input_coordinates, table.output_coordinates):
            assert kept.data_ptr() != coordinates.data_ptr()
