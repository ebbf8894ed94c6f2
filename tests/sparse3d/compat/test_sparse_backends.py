"""Which library convolves: by device and by what is installed, by name, and never in silence."""
from __future__ import annotations

import pytest
import spconv.pytorch as spconv
import torch

from sparse3d.compat import sparse_backends
from sparse3d.compat.sparse_backends import VARIABLE, set_sparse_backend, sparse_backend
from sparse3d.errors import BackendUnavailable
from sparse3d.ops.backends import choose_backend


@pytest.fixture(autouse=True)
def nothing_by_name(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    set_sparse_backend(None)
    yield
    set_sparse_backend(None)


AMPERE, HOPPER, BLACKWELL, AMD = 8, 9, 12, None


@pytest.mark.parametrize('device, capability, kernels, package, chosen', [
    ('cpu', 0, False, False, 'ours'), ('cpu', 0, True, True, 'ours'),
    ('cuda', AMPERE, True, True, 'spconv'), ('cuda', HOPPER, True, False, 'spconv'),
    ('cuda', AMPERE, False, True, 'spconv-triton'),
    ('cuda', BLACKWELL, True, True, 'spconv-triton'), ('cuda', BLACKWELL, True, False, 'spconv'),
    ('cuda', AMD, False, True, 'spconv-triton'), ('cuda', AMD, True, True, 'spconv-triton'),
    ('xpu', 0, False, True, 'spconv-triton')])
def test_the_best_that_is_there(device, capability, kernels, package, chosen):
    backends = sparse_backends._backends(device, capability, kernels, package)
    assert choose_backend('sparse convolution', 'auto', backends) == chosen
    assert set(backends) == {'ours', 'spconv', 'spconv-triton'}


def test_none_is_one_sentence_with_the_way_out():
    backends = sparse_backends._backends('cuda', AMD, False, False)
    with pytest.raises(BackendUnavailable) as error:
        choose_backend('sparse convolution', 'auto', backends)
    assert str(error.value) == (
        "sparse convolution: 'spconv' has no kernels for AMD; 'spconv-triton' is not installed "
        "(pip install spconv-triton); 'ours' works on CPU tensors, not on cuda")


@pytest.mark.parametrize('name', ['spconv', 'spconv-triton'])
@pytest.mark.parametrize('how', ['environment', 'function'])
def test_one_that_cannot_run_is_refused_by_the_layer(name, how, monkeypatch):
    if how == 'environment':
        monkeypatch.setenv(VARIABLE, name)
    else:
        set_sparse_backend(name)
    where = torch.tensor([[0, 1, 1, 1]], dtype=torch.int32)
    for layer in (spconv.SubMConv3d(4, 4, 3), spconv.SparseMaxPool3d(2)):
        with pytest.raises(BackendUnavailable, match=f"{name!r} .*; use 'auto'"):
            layer(spconv.SparseConvTensor(torch.ones(1, 4), where, [4, 4, 4], 1))


def test_the_function_outranks_the_environment(monkeypatch):
    monkeypatch.setenv(VARIABLE, 'spconv-triton')
    set_sparse_backend('auto')
    assert sparse_backend('cpu') == 'ours'
    with pytest.raises(BackendUnavailable, match="no backend 'torchsparse'; choose one of 'auto'"):
        set_sparse_backend('torchsparse')
    assert sparse_backend(torch.device('cpu')) == 'ours'
