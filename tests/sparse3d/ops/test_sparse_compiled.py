"""The compiled backend beside the reference, on geometry and channels of every kind."""
from __future__ import annotations

import weakref

import pytest
import torch

from sparse3d.engine.timing import torch_threads
from sparse3d.ops import sparse_compiled
from sparse3d.ops.compiled_kernels import lack
from sparse3d.ops.sparse_compiled import (
    FEWEST_ROWS,
    lists_of,
    multiplies_bfloat16,
    neighbors_of,
    reversed_lists_of,
)
from sparse3d.ops.sparse_convolution import sparse_convolution
from sparse3d.ops.sparse_pairs import strided_pairs, submanifold_pairs, transposed_pairs

pytestmark = pytest.mark.skipif(lack() is not None, reason=f'the compiled backend {lack()}')
SHAPE, ONES = (9, 14, 13), (1, 1, 1)
KINDS = ('submanifold', 'strided', 'transposed', 'inverse', 'pointwise')


def table(kind, share=0.3):
    coordinates = (torch.rand(2, *SHAPE) < share).nonzero().int()
    coordinates = coordinates[torch.randperm(len(coordinates))]
    strided = strided_pairs(coordinates, SHAPE, (3, 3, 3), (2, 2, 2), ONES, ONES)
    return {'submanifold': lambda: submanifold_pairs(coordinates, SHAPE, (3, 3, 3)),
            'strided': lambda: strided,
            'transposed': lambda: transposed_pairs(
                coordinates, SHAPE, (2, 3, 2), (2, 1, 2), (0, 1, 0), ONES, (0, 0, 0)),
            'inverse': lambda: strided.reversed,
            'pointwise': lambda: submanifold_pairs(coordinates, SHAPE, ONES)}[kind]()


def outputs_and_gradients(backend, pairs, features, weight, upstream):
    given = features.clone().requires_grad_(), weight.clone().requires_grad_()
    result = sparse_convolution(*given, pairs, backend=backend)
    result.backward(upstream)
    return result.detach(), given[0].grad, given[1].grad


def problem(pairs, in_channels, out_channels, dtype=torch.float32):
    weight = torch.randn(out_channels, pairs.num_offsets, 1, 1, in_channels, dtype=dtype)
    return (torch.randn(pairs.num_inputs, in_channels, dtype=dtype), weight,
            torch.randn(pairs.num_outputs, out_channels, dtype=dtype))


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(('in_channels', 'out_channels'), [
    (1, 1), (5, 16), (16, 5), (3, 33), (16, 32), (23, 47), (64, 64), (100, 130)])
def test_every_width_agrees_with_the_reference(kind, in_channels, out_channels):
    pairs = table(kind)
    given = problem(pairs, in_channels, out_channels)
    expected = outputs_and_gradients('reference', pairs, *(value.double() for value in given))
    for found, right in zip(outputs_and_gradients('compiled', pairs, *given), expected,
                            strict=True):
        assert found.dtype == torch.float32
        assert (found - right).abs().max() <= 2e-6 * right.abs().max() * 27


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('voxels', [0, 1])
def test_no_voxel_and_one(kind, voxels):
    pairs = table(kind, 0)
    if voxels:
        coordinates = torch.tensor([[0, 4, 6, 6]])
        strided = strided_pairs(coordinates, SHAPE, (3, 3, 3), (2, 2, 2), ONES, ONES)
        pairs = {'strided': strided, 'inverse': strided.reversed}.get(
            kind, submanifold_pairs(coordinates, SHAPE, (3, 3, 3)))
    given = problem(pairs, 7, 9)
    expected = outputs_and_gradients('reference', pairs, *given)
    for found, right in zip(outputs_and_gradients('compiled', pairs, *given), expected,
                            strict=True):
        torch.testing.assert_close(found, right, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('channels', [(16, 16), (20, 40)])
def test_threads_and_blocks_change_no_bit(channels, monkeypatch):
    coordinates = (torch.rand(1, 30, 50, 50) < 0.3).nonzero().int()
    before, results = torch.get_num_threads(), []
    given = None
    try:
        for threads, rows in ((1, 512), (2, 512), (4, 512), (2, 100)):
            torch.set_num_threads(threads)
            monkeypatch.setattr('sparse3d.ops.sparse_compiled.MOST_ROWS', rows)
            pairs = submanifold_pairs(coordinates, (30, 50, 50), (3, 3, 3))
            given = given or problem(pairs, *channels)
            results.append(outputs_and_gradients('compiled', pairs, *given))
    finally:
        torch.set_num_threads(before)
    for result in results[1:3]:
        assert all(map(torch.equal, result, results[0]))
    assert all(map(torch.equal, results[3][:2], results[0][:2]))


def test_rows_and_weights_that_do_not_lie_together():
    pairs = table('strided')
    features, weight, upstream = problem(pairs, 12, 10)
    wide = torch.randn(pairs.num_inputs, 24)
    wide[:, ::2] = features
    turned = weight.movedim(-1, 0).contiguous().movedim(0, -1)
    scattered = upstream.T.contiguous().T
    assert not any(value.is_contiguous() for value in (wide[:, ::2], turned, scattered))
    expected = outputs_and_gradients('compiled', pairs, features, weight, upstream)
    result = sparse_convolution(wide[:, ::2], turned, pairs, backend='compiled')
    assert torch.equal(result, expected[0])
    leaves = features.clone().requires_grad_(), weight.clone().requires_grad_()
    sparse_convolution(*leaves, pairs, backend='compiled').backward(scattered)
    assert torch.equal(leaves[0].grad, expected[1]) and torch.equal(leaves[1].grad, expected[2])


def test_not_a_number_stays_where_it_is():
    pairs = table('submanifold')
    features, weight, _ = problem(pairs, 8, 8)
    features[3, 2] = float('nan')
    expected = sparse_convolution(features, weight, pairs, backend='reference').isnan()
    found = sparse_convolution(features, weight, pairs, backend='compiled').isnan()
    assert torch.equal(found, expected) and 0 < int(found.any(1).sum()) < len(found)


def test_lists_hold_every_pair_once_and_are_made_once():
    pairs = table('submanifold')
    neighbors = pairs.neighbors
    lists = lists_of(pairs)
    assert lists_of(pairs) is lists and lists.num_blocks > 3
    assert lists.rows_of_block >= FEWEST_ROWS
    offsets = torch.arange(lists.num_blocks * lists.num_offsets) % lists.num_offsets
    offsets = offsets.repeat_interleave(lists.starts.diff())
    found = set(zip(offsets.tolist(), lists.output_rows.tolist(), lists.input_rows.tolist(),
                    strict=True))
    offset, output = (neighbors >= 0).nonzero(as_tuple=True)
    expected = set(zip(offset.tolist(), output.tolist(), neighbors[offset, output].tolist(),
                       strict=True))
    assert found == expected and len(offsets) == len(expected)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('share', [0, 0.3])
def test_the_table_is_dropped_once_there_are_lists_and_made_anew_for_others(kind, share):
    pairs = table(kind, share)
    neighbors, offsets = pairs.neighbors, pairs.num_offsets
    kept = weakref.ref(neighbors.untyped_storage())
    lists_of(pairs)
    assert torch.equal(pairs.neighbors, neighbors) and pairs.num_offsets == offsets
    assert pairs.neighbors is not pairs.neighbors
    del neighbors
    assert kept() is None


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('share', [0, 0.02, 0.3])
def test_reversed_lists_are_those_of_the_reversed_table(kind, share):
    pairs = table(kind, share)
    expected, found = lists_of(pairs.reversed), reversed_lists_of(pairs)
    assert found[3:] == expected[3:] and torch.equal(found.starts, expected.starts)
    assert torch.equal(neighbors_of(found), pairs.reversed.neighbors)
    assert reversed_lists_of(pairs) is found


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(('in_channels', 'out_channels'), [
    (2, 16), (5, 16), (16, 5), (16, 32), (22, 47), (64, 64), (100, 130)])
def test_bfloat16_is_rounded_once(kind, in_channels, out_channels):
    """Native or converted (an odd number of channels, another processor): sums are float32."""
    pairs = table(kind)
    given = [value.bfloat16() for value in problem(pairs, in_channels, out_channels)]
    expected = outputs_and_gradients('reference', pairs, *(value.double() for value in given))
    for found, right in zip(outputs_and_gradients('compiled', pairs, *given), expected,
                            strict=True):
        assert found.dtype == torch.bfloat16
        apart = (found.double() - right).abs()
        assert (apart <= 2 ** -8 * right.abs() + 1e-5 * right.abs().max() * 27).all()


@pytest.mark.skipif(lack() is not None or not multiplies_bfloat16(2),
                    reason='the processor multiplies no bfloat16')
def test_bfloat16_threads_change_no_bit(monkeypatch):
    monkeypatch.setattr('sparse3d.ops.compiled_kernels.WORK_OF_THREAD', 1)
    pairs = table('submanifold')
    given = [value.bfloat16() for value in problem(pairs, 32, 48)]
    calls = []
    monkeypatch.setattr(
        'sparse3d.ops.sparse_compiled.call',
        lambda name, *values, real=sparse_compiled.call: (calls.append(name), real(name, *values)))
    found = []
    for threads in (1, 2):
        with torch_threads(threads):
            found.append(outputs_and_gradients('compiled', pairs, *given))
    assert all(map(torch.equal, *found))
    assert calls.count('sparse3d_convolve_bfloat16') == 4  # forward and back, nothing converted
