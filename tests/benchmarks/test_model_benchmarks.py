"""The whole models of the benchmarks: both ways give the same, at small sizes."""
from __future__ import annotations

import pytest
import torch

import sparse3d.register  # noqa: F401
from sparse3d_benchmarks import dsvt, dsvt_model, sparse4d_model, sparsebev_model, voxelkp_model
from sparse3d_benchmarks.released_convolutions import flat, in_order

SMALL = (32, 88)


def cloud(extent=8.0):
    random = torch.Generator().manual_seed(0)
    spread = torch.tensor([extent, extent, 4.0, 1.0, 0.0])
    return torch.rand(700, 5, generator=random) * spread - torch.tensor(
        [extent / 2, extent / 2, 1.0, 0.0, 0.0])


def dsvt_pillars(monkeypatch):
    monkeypatch.setattr(dsvt_model, 'sweeps', lambda: ([cloud(), cloud()], 'drawn'))
    for module in (dsvt, dsvt_model):
        monkeypatch.setattr(module, 'MODEL_RANGE', (-5.12, -5.12, -2, 5.12, 5.12, 4))
        monkeypatch.setattr(module, 'MODEL_GRID', (32, 32, 1))
    return dsvt_model.comparison()


def voxelkp_small(monkeypatch):
    monkeypatch.setattr(voxelkp_model, 'full_sweep', lambda: (cloud(16.0), 'drawn'))
    return voxelkp_model.comparison()


def whole(module):
    return pytest.param(lambda _: module.comparison(SMALL), marks=pytest.mark.slow,
                        id=module.__name__.rpartition('.')[2])


@pytest.mark.parametrize('make', [dsvt_pillars, voxelkp_small, whole(sparsebev_model),
                                  whole(sparse4d_model)])
def test_both_ways_give_the_same_and_have_gradients(make, monkeypatch):
    both = make(monkeypatch)
    with torch.no_grad():
        ours, original = both.ours(), both.original()
        assert (ours - original).abs().max() <= 1e-3 * original.abs().max()
    gradients = []
    for way in (both.ours, both.original):
        way().square().mean().backward()
        gradients.append([None if leaf.grad is None else leaf.grad.clone() for leaf in both.leaves])
        for leaf in both.leaves:
            leaf.grad = None
    assert any(value is not None for value in gradients[0])
    for ours, original in zip(*gradients, strict=True):
        assert (ours is None) == (original is None)
        if ours is not None:
            assert (ours - original).abs().max() <= 2e-2 * original.abs().max() + 1e-6


def test_outputs_lie_flat_in_the_order_of_their_cells():
    cells = torch.tensor([[1, 0, 2], [0, 5, 1], [1, 0, 1], [0, 4, 9]])
    assert cells[in_order(cells)].tolist() == sorted(cells.tolist())
    assert flat([torch.ones(2), {'a': torch.zeros(1, 1), 'b': None},
                 torch.arange(3)]).tolist() == [1, 1, 0]
