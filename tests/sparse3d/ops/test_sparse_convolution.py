from __future__ import annotations

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F

from sparse3d.errors import BackendUnavailable
from sparse3d.ops import sparse_blocks
from sparse3d.ops.compiled_kernels import lack
from sparse3d.ops.sparse_convolution import sparse_convolution
from sparse3d.ops.sparse_pairs import strided_pairs, submanifold_pairs, transposed_pairs

BACKENDS = ('reference', 'fast', *(('compiled',) if lack() is None else ()))
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 2e-3}
DENSE = {2: (F.conv2d, F.conv_transpose2d), 3: (F.conv3d, F.conv_transpose3d)}


def random_voxels(shape, batch_size=2, share=0.2):
    """Distinct voxel coordinates in random order."""
    taken = torch.rand(batch_size, *shape) < share
    coordinates = taken.nonzero().int()
    return coordinates[torch.randperm(len(coordinates))]


def to_dense(features, coordinates, shape, batch_size=2):
    dense = features.new_zeros(batch_size, *shape, features.shape[1])
    dense[tuple(coordinates.long().T)] = features
    return dense.movedim(-1, 1)


def at_voxels(dense, coordinates):
    return dense.movedim(1, -1)[tuple(coordinates.long().T)]


def dense_weight(weight):
    return weight.movedim(-1, 1)


def test_worked_by_hand_in_a_row_of_pixels():
    # Pixels at x = 1, 2 and 5; the kernel weighs left, middle, right with 1, 10, 100.
    coordinates = torch.tensor([[0, 0, 1], [0, 0, 2], [0, 0, 5]])
    features = torch.tensor([[1.], [2.], [3.]])
    weight = torch.tensor([1., 10., 100.]).view(1, 1, 3, 1)
    pairs = submanifold_pairs(coordinates, (1, 6), (1, 3))
    assert sparse_convolution(features, weight, pairs).flatten().tolist() == [210., 21., 30.]


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('dtype', TOLERANCE)
@pytest.mark.parametrize(('shape', 'kernel', 'dilation'), [
    ((6, 9, 8), (3, 3, 3), (1, 1, 1)), ((6, 9, 8), (3, 1, 5), (1, 1, 1)),
    ((9, 9, 8), (3, 3, 3), (2, 1, 3)), ((5, 5, 5), (5, 5, 5), (2, 2, 2)),
    ((12, 11), (3, 3), (1, 1)), ((12, 11), (5, 3), (1, 2))])
def test_submanifold_is_dense_convolution_at_the_voxels(backend, dtype, shape, kernel, dilation):
    coordinates = random_voxels(shape)
    features = torch.randn(len(coordinates), 4).to(dtype)
    weight, bias = torch.randn(6, *kernel, 4).to(dtype) / 5, torch.randn(6).to(dtype)
    pairs = submanifold_pairs(coordinates, shape, kernel, dilation)
    result = sparse_convolution(features, weight, pairs, bias, backend=backend)
    exact = torch.promote_types(dtype, torch.float64)
    padding = tuple(size // 2 * step for size, step in zip(kernel, dilation, strict=True))
    expected = DENSE[len(shape)][0](
        to_dense(features.to(exact), coordinates, shape), dense_weight(weight.to(exact)),
        bias.to(exact), padding=padding, dilation=dilation)
    assert result.dtype == dtype
    assert torch.equal(pairs.output_coordinates, coordinates)
    torch.testing.assert_close(result.to(exact), at_voxels(expected, coordinates),
                               atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize(('shape', 'kernel', 'stride', 'padding', 'dilation'), [
    ((7, 10, 9), (3, 3, 3), (2, 2, 2), (1, 1, 1), (1, 1, 1)),
    ((7, 10, 9), (3, 3, 3), (2, 2, 2), (0, 1, 1), (1, 1, 1)),
    ((7, 10, 9), (3, 1, 1), (2, 1, 1), (0, 0, 0), (1, 1, 1)),
    ((7, 10, 9), (2, 2, 2), (2, 2, 2), (0, 0, 0), (1, 1, 1)),
    ((7, 10, 9), (3, 3, 3), (1, 2, 3), (2, 1, 0), (2, 1, 2)),
    ((7, 10, 9), (3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1)),
    ((14, 13), (3, 3), (2, 2), (1, 1), (1, 1))])
def test_strided_is_dense_convolution(backend, shape, kernel, stride, padding, dilation):
    coordinates = random_voxels(shape)
    features, weight = torch.randn(len(coordinates), 4), torch.randn(6, *kernel, 4) / 5
    pairs = strided_pairs(coordinates, shape, kernel, stride, padding, dilation)
    result = sparse_convolution(features, weight, pairs, backend=backend)
    expected = DENSE[len(shape)][0](to_dense(features, coordinates, shape), dense_weight(weight),
                                    None, stride, padding, dilation)
    found = to_dense(result, pairs.output_coordinates, pairs.output_shape)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    rows = pairs.output_coordinates.tolist()
    assert rows == sorted(rows)


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize(('shape', 'kernel', 'stride', 'padding', 'extra', 'dilation'), [
    ((4, 5, 6), (3, 3, 3), (2, 2, 2), (1, 1, 1), (1, 0, 1), (1, 1, 1)),
    ((4, 5, 6), (2, 3, 1), (2, 1, 1), (0, 1, 0), (0, 0, 0), (1, 2, 1)),
    ((6, 7), (3, 3), (2, 2), (1, 1), (0, 0), (1, 1))])
def test_transposed_is_dense_transposed(backend, shape, kernel, stride, padding, extra, dilation):
    coordinates = random_voxels(shape)
    features, weight = torch.randn(len(coordinates), 4), torch.randn(6, *kernel, 4) / 5
    pairs = transposed_pairs(coordinates, shape, kernel, stride, padding, dilation, extra)
    result = sparse_convolution(features, weight, pairs, backend=backend)
    expected = DENSE[len(shape)][1](
        to_dense(features, coordinates, shape), weight.movedim(-1, 0), None,
        stride, padding, extra, 1, dilation)
    found = to_dense(result, pairs.output_coordinates, pairs.output_shape)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('backend', BACKENDS)
def test_reversed_table_is_the_adjoint(backend):
    shape, kernel = (7, 8, 9), (3, 3, 3)
    coordinates = random_voxels(shape)
    pairs = strided_pairs(coordinates, shape, kernel, (2, 2, 2), (1, 1, 1), (1, 1, 1))
    weight = torch.randn(5, *kernel, 4, dtype=torch.float64)
    x = torch.randn(pairs.num_inputs, 4, dtype=torch.float64)
    y = torch.randn(pairs.num_outputs, 5, dtype=torch.float64)
    forward = sparse_convolution(x, weight, pairs, backend=backend)
    back = sparse_convolution(y, weight.movedim(0, -1).movedim(-2, 0), pairs.reversed,
                              backend=backend)
    torch.testing.assert_close((forward * y).sum(), (x * back).sum())


def test_threads_do_not_change_the_result():
    coordinates = random_voxels((20, 40, 40), share=0.3)
    features, weight = torch.randn(len(coordinates), 16), torch.randn(16, 3, 3, 3, 16)
    pairs = submanifold_pairs(coordinates, (20, 40, 40), (3, 3, 3))
    expected = sparse_convolution(features.double(), weight.double(), pairs, backend='reference')
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            results = [sparse_convolution(features, weight, pairs) for _ in range(3)]
            assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])
            assert (results[0] - expected).abs().max() < 1e-4 * expected.abs().max()
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('kind', ['submanifold', 'strided', 'transposed', 'reversed'])
def test_gradients(backend, kind):
    shape, kernel, ones = (4, 4, 4), (3, 3, 3), (1, 1, 1)
    coordinates = random_voxels(shape, share=0.15)
    pairs = {
        'submanifold': lambda: submanifold_pairs(coordinates, shape, kernel),
        'strided': lambda: strided_pairs(coordinates, shape, kernel, (2, 2, 2), ones, ones),
        'transposed': lambda: transposed_pairs(
            coordinates, shape, kernel, (2, 2, 2), ones, ones, (0, 0, 0)),
        'reversed': lambda: strided_pairs(
            coordinates, shape, kernel, (2, 2, 2), ones, ones).reversed,
    }[kind]()
    features = torch.randn(pairs.num_inputs, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, *kernel, 2, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda *given: sparse_convolution(given[0], given[1], pairs, given[2], backend),
        (features, weight, bias))


@pytest.mark.parametrize('backend', BACKENDS)
def test_no_voxels_give_no_voxels(backend):
    nothing = torch.zeros(0, 4, dtype=torch.int32)
    weight = torch.randn(6, 3, 3, 3, 4, requires_grad=True)
    for pairs in (submanifold_pairs(nothing, (4, 4, 4), (3, 3, 3)),
                  strided_pairs(nothing, (4, 4, 4), (3, 3, 3), (2, 2, 2), (1, 1, 1),
                                (1, 1, 1))):
        result = sparse_convolution(torch.zeros(0, 4), weight, pairs, backend=backend)
        assert result.shape == (0, 6)
        result.sum().backward()
        assert not weight.grad.any()


@pytest.mark.parametrize('backend', BACKENDS)
def test_autocast_multiplies_in_its_type(backend):
    coordinates = random_voxels((5, 5, 5))
    features = torch.randn(len(coordinates), 4, requires_grad=True)
    weight = torch.randn(6, 3, 3, 3, 4, requires_grad=True)
    pairs = submanifold_pairs(coordinates, (5, 5, 5), (3, 3, 3))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        result = sparse_convolution(features, weight, pairs, backend=backend)
    assert result.dtype == torch.bfloat16
    result.float().sum().backward()
    assert weight.grad.dtype == features.grad.dtype == torch.float32


def test_inference_mode_and_training_take_turns():
    coordinates = random_voxels((5, 5, 5))
    pairs = submanifold_pairs(coordinates, (5, 5, 5), (3, 3, 3))
    weight = torch.randn(6, 3, 3, 3, 4, requires_grad=True)
    with torch.inference_mode():
        quiet = sparse_convolution(torch.ones(len(coordinates), 4), weight, pairs)
    result = sparse_convolution(torch.ones(len(coordinates), 4), weight, pairs)
    assert torch.equal(result, quiet)
    result.sum().backward()


@pytest.mark.parametrize('block_bytes', [2000, 20000])
def test_several_blocks_and_tiles_agree_with_the_reference(block_bytes):
    coordinates = random_voxels((8, 20, 20), share=0.3)
    pairs = submanifold_pairs(coordinates, (8, 20, 20), (3, 3, 3))
    # Blocks are made once for a table, whose convolutions then use them.
    assert len(sparse_blocks.blocks_of(pairs, 4, 6, block_bytes)) > 3
    weight = torch.randn(6, 3, 3, 3, 4, dtype=torch.float64, requires_grad=True)
    features = torch.randn(len(coordinates), 4, dtype=torch.float64, requires_grad=True)
    results = []
    for backend in BACKENDS:
        result = sparse_convolution(features, weight, pairs, backend=backend)
        result.square().sum().backward()
        results.append([result.detach(), features.grad, weight.grad])
        features.grad = weight.grad = None
    for others in results[1:]:
        for left, right in zip(results[0], others, strict=True):
            torch.testing.assert_close(left, right)


def test_keys_stay_exact_in_huge_volumes():
    # Flat indices of this volume exceed 32 bits; two voxels that would collide must not meet.
    shape = (4000, 40000, 40000)
    far = torch.tensor([[0, 3999, 39999, 39998], [0, 3999, 39999, 39999], [0, 0, 0, 0]])
    pairs = submanifold_pairs(far, shape, (3, 3, 3))
    assert sum(pairs.pairs.counts) == 3 + 2


def test_voxels_at_opposite_faces_are_no_neighbors():
    shape = (2, 3, 4)
    coordinates = torch.tensor([[0, 0, 0, 3], [0, 0, 1, 0], [0, 0, 2, 3], [0, 1, 0, 0],
                                [0, 1, 2, 3], [1, 0, 0, 0]])
    for dilation in ((1, 1, 1), (3, 3, 3)):
        pairs = submanifold_pairs(coordinates, shape, (3, 3, 3), dilation)
        steps = (coordinates[pairs.pairs.input_rows] - coordinates[pairs.pairs.output_rows]).abs()
        assert (steps[:, 0] == 0).all() and (steps[:, 1:] <= max(dilation)).all()
        assert (steps[:, 1:] % max(dilation) == 0).all()


def test_wrong_input_is_named():
    coordinates = torch.tensor([[0, 1, 1, 1], [0, 1, 1, 2]])
    pairs = submanifold_pairs(coordinates, (4, 4, 4), (3, 3, 3))
    weight = torch.zeros(2, 3, 3, 3, 4)
    with pytest.raises(BackendUnavailable, match='triton'):
        sparse_convolution(torch.zeros(2, 4), weight, pairs, backend='triton')
    with pytest.raises(ValueError, match='do not fit a pair table of 2 inputs'):
        sparse_convolution(torch.zeros(3, 4), weight, pairs)
    with pytest.raises(ValueError, match='1 voxels occur more than once'):
        submanifold_pairs(coordinates[[0, 1, 0]], (4, 4, 4), (3, 3, 3))
    with pytest.raises(ValueError, match=r'outside the spatial shape \[4, 4, 2\]'):
        submanifold_pairs(coordinates, (4, 4, 2), (3, 3, 3))
    with pytest.raises(ValueError, match='leaves nothing'):
        strided_pairs(coordinates, (4, 4, 4), (5, 5, 5), (1, 1, 1), (0, 0, 0), (1, 1, 1))
    for bias in (torch.zeros(1), torch.zeros(2, 1)):
        with pytest.raises(ValueError, match=r'the bias is .* 2 output channels needs \[2\]'):
            sparse_convolution(torch.zeros(2, 4), weight, pairs, bias)


@pytest.mark.parametrize('dtype', [torch.int32, torch.int64])
@pytest.mark.parametrize('rows', [[0, 0, 1], [0, 1, 0]])
def test_a_voxel_that_comes_twice_is_not_dropped_in_silence(dtype, rows):
    coordinates = torch.tensor([[0, 1, 1, 1], [0, 1, 1, 2]], dtype=dtype)[rows]
    three, one = (3, 3, 3), (1, 1, 1)
    for build in (lambda: strided_pairs(coordinates, (4, 4, 4), three, (2, 2, 2), one, one),
                  lambda: transposed_pairs(coordinates, (4, 4, 4), three, one, one, one,
                                           (0, 0, 0))):
        with pytest.raises(ValueError, match='1 voxels occur more than once'):
            build()


def test_coordinates_that_are_no_numbers_of_cells_are_refused():
    with pytest.raises(ValueError, match='whole numbers, not torch.float32'):
        submanifold_pairs(torch.tensor([[0, 1.7, 1, 1]]), (4, 4, 4), (3, 3, 3))
    with pytest.raises(ValueError, match='more than the 32 bits of a pair table'):
        submanifold_pairs(torch.tensor([[2**32 + 1, 1, 1, 1]]), (4, 4, 4), (3, 3, 3))


@pytest.mark.parametrize('at', [0, 1, 2])
def test_a_tensor_on_another_device_is_refused_before_its_memory_is_read(at):
    pairs = submanifold_pairs(torch.tensor([[0, 1, 1, 1]]), (4, 4, 4), (3, 3, 3))
    given = [torch.zeros(1, 4), torch.zeros(2, 3, 3, 3, 4), torch.zeros(2)]
    given[at] = given[at].to('meta')
    with pytest.raises(BackendUnavailable, match='works on CPU tensors, not on meta'):
        sparse_convolution(*given[:2], pairs, given[2])


@pytest.mark.parametrize('backend', BACKENDS)
def test_a_negation_still_to_be_done_is_done(backend):
    pairs = submanifold_pairs(torch.tensor([[0, 1, 1, 1]]), (4, 4, 4), (1, 1, 1))
    features = torch.complex(torch.zeros(1, 4), torch.ones(1, 4)).conj().imag
    found = sparse_convolution(features, torch.ones(2, 1, 1, 1, 4), pairs, backend=backend)
    assert features.is_neg() and found.tolist() == [[-4, -4]]


@pytest.mark.parametrize('backend', BACKENDS)
def test_a_table_that_was_used_can_be_sent_to_another_process(backend):
    pairs = submanifold_pairs(random_voxels((4, 5, 6)), (4, 5, 6), (3, 3, 3))
    given = torch.randn(pairs.num_inputs, 4), torch.randn(2, 3, 3, 3, 4), pairs
    expected = sparse_convolution(*given, backend=backend)
    for again in (pickle.loads(pickle.dumps(pairs)), copy.deepcopy(pairs)):
        assert torch.equal(again.neighbors, pairs.neighbors)
        assert torch.equal(sparse_convolution(*given[:2], again, backend=backend), expected)
