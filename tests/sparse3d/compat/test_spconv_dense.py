from __future__ import annotations

import warnings

import pytest
import spconv.pytorch as spconv
import torch

from sparse3d.compat.spconv_dense import scatter_nd


@pytest.fixture
def every_warning_raises():
    torch.set_warn_always(True)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        yield
    torch.set_warn_always(False)


def test_worked_by_hand():
    indices = torch.tensor([[0, 1], [1, 0]])
    dense = scatter_nd(indices, torch.tensor([[1., 2.], [3., 4.]]), [2, 2, 2])
    assert dense.tolist() == [[[0., 0.], [1., 2.]], [[3., 4.], [0., 0.]]]


def test_upstream_indexes_with_a_list_and_ours_does_not(every_warning_raises):
    given = torch.tensor([[0, 1], [1, 0]]), torch.ones(2, 3), [2, 2, 3]
    with pytest.raises(UserWarning, match='non-tuple sequence'):
        scatter_nd.upstream(*given)
    scatter_nd(*given)


def test_dense_and_its_gradient(every_warning_raises):
    indices = (torch.rand(2, 3, 4, 5) < 0.3).nonzero().int()
    features = torch.randn(len(indices), 6, requires_grad=True)
    dense = spconv.SparseConvTensor(features, indices, [3, 4, 5], 2).dense()
    assert dense.shape == (2, 6, 3, 4, 5)
    assert torch.equal(dense.movedim(1, -1)[tuple(indices.long().T)], features)
    assert dense.count_nonzero() == features.numel()
    dense.sum().backward()
    assert torch.equal(features.grad, torch.ones_like(features))


@pytest.mark.parametrize('batch', [1, 3])
def test_dense_copies_once_and_is_what_indexing_gives(batch):
    indices = (torch.rand(batch, 4, 5, 6) < 0.3).nonzero()
    indices = indices[torch.randperm(len(indices))]
    features = torch.randn(len(indices), 7, requires_grad=True)
    shape = [batch, 4, 5, 6, 7]
    found = scatter_nd(indices, features, shape)
    first = found.permute(0, 4, 1, 2, 3)
    assert first.is_contiguous()  # spconv asks for it: no copy
    plain = torch.zeros(shape).index_put(tuple(indices.T), features)
    assert torch.equal(found, plain)
    weight = torch.randn(shape)
    ours, theirs = (torch.autograd.grad((value * weight).sum(), features)[0]
                    for value in (found, plain))
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize('outside', [(2, 0, 0, 0), (0, 0, 6, 0), (0, -1, 0, 0)])
def test_a_voxel_outside_is_refused(outside):
    with pytest.raises(IndexError, match=r'outside of \[2, 3, 4, 5\] or below 0'):
        scatter_nd(torch.tensor([outside]), torch.ones(1, 6), [2, 3, 4, 5, 6])


def test_no_voxels():
    nothing = spconv.SparseConvTensor(
        torch.zeros(0, 6), torch.zeros(0, 4, dtype=torch.int32), [3, 4, 5], 2)
    assert not nothing.dense().any()
