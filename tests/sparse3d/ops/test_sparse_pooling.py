from __future__ import annotations

import torch
import torch.nn.functional as F

from sparse3d.ops.sparse_pairs import strided_pairs
from sparse3d.ops.sparse_pooling import (
    global_average_pool,
    global_max_pool,
    sparse_average_pool,
    sparse_max_pool,
)

SHAPE, KERNEL, STRIDE, PADDING, ONES = (6, 8, 7), (3, 3, 3), (2, 2, 2), (1, 1, 1), (1, 1, 1)


def some_voxels(channels=4, dtype=torch.float32):
    taken = torch.rand(2, *SHAPE) < 0.2
    coordinates = taken.nonzero().int()
    pairs = strided_pairs(coordinates, SHAPE, KERNEL, STRIDE, PADDING, ONES)
    return torch.randn(len(coordinates), channels, dtype=dtype), coordinates, pairs


def densify(features, coordinates, fill):
    dense = torch.full((2, *SHAPE, features.shape[1]), fill)
    dense[tuple(coordinates.long().T)] = features
    return dense.movedim(-1, 1)


def at_outputs(dense, pairs):
    return dense.movedim(1, -1)[tuple(pairs.output_coordinates.long().T)]


def test_worked_by_hand():
    coordinates = torch.tensor([[0, 0, 0], [0, 0, 1], [0, 1, 3]])
    features = torch.tensor([[-1.], [-3.], [-8.]])
    pairs = strided_pairs(coordinates, (2, 4), (2, 2), (2, 2), (0, 0), (1, 1))
    assert sparse_max_pool(features, pairs).flatten().tolist() == [-1., -8.]
    assert sparse_max_pool(features, pairs, floor=0.0).flatten().tolist() == [0., 0.]
    assert sparse_average_pool(features, pairs).flatten().tolist() == [-2., -8.]


def test_max_is_dense_max_over_existing_voxels():
    features, coordinates, pairs = some_voxels()
    dense = F.max_pool3d(densify(features, coordinates, -torch.inf), KERNEL, STRIDE, PADDING)
    torch.testing.assert_close(sparse_max_pool(features, pairs), at_outputs(dense, pairs))


def test_average_counts_existing_voxels_only():
    features, coordinates, pairs = some_voxels()
    total = F.avg_pool3d(densify(features, coordinates, 0.0), KERNEL, STRIDE, PADDING)
    count = F.avg_pool3d(densify(torch.ones_like(features), coordinates, 0.0),
                         KERNEL, STRIDE, PADDING)
    torch.testing.assert_close(sparse_average_pool(features, pairs),
                               at_outputs(total, pairs) / at_outputs(count, pairs))


def test_global_pools_reduce_each_sample_alone():
    features = torch.tensor([[1., -1.], [3., -5.], [7., -2.]])
    samples = torch.tensor([2, 2, 0], dtype=torch.int32)
    assert global_max_pool(features, samples, 3).tolist() == [[7., -2.], [0., 0.], [3., -1.]]
    assert global_average_pool(features, samples, 3).tolist() == [[7., -2.], [0., 0.], [2., -3.]]


def test_gradients():
    features, _, pairs = some_voxels(2, torch.float64)
    features.requires_grad_()
    samples = torch.arange(len(features)) % 3
    for operator in (lambda x: sparse_max_pool(x, pairs), lambda x: sparse_average_pool(x, pairs),
                     lambda x: global_max_pool(x, samples, 4),
                     lambda x: global_average_pool(x, samples, 4)):
        assert torch.autograd.gradcheck(operator, features)


def test_low_precision_keeps_its_type():
    features, _, pairs = some_voxels()
    for operator in (sparse_max_pool, sparse_average_pool):
        low = operator(features.bfloat16(), pairs)
        assert low.dtype == torch.bfloat16
        torch.testing.assert_close(low.float(), operator(features, pairs), atol=2e-2, rtol=2e-2)


def test_no_voxels_give_no_voxels():
    pairs = strided_pairs(torch.zeros(0, 4), SHAPE, KERNEL, STRIDE, PADDING, ONES)
    nothing = torch.zeros(0, 4)
    assert sparse_max_pool(nothing, pairs).shape == (0, 4)
    assert sparse_average_pool(nothing, pairs).shape == (0, 4)
    assert global_max_pool(nothing, torch.zeros(0), 2).tolist() == [[0.] * 4] * 2
