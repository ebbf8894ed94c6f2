"""A layer made by its name ``BN1d`` takes one row; elsewhere it is torch's."""
from __future__ import annotations

import pytest
import torch
from mmcv.cnn import build_norm_layer
from torch import nn

import sparse3d.register  # noqa: F401


@pytest.fixture
def pair():
    torch.manual_seed(0)
    ours = build_norm_layer(dict(type='BN1d', eps=1e-3, momentum=0.1), 4)[1]
    theirs = nn.BatchNorm1d(4, eps=1e-3, momentum=0.1)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def test_one_row_gives_a_finite_step(pair):
    ours, theirs = pair
    row = torch.randn(1, 4, requires_grad=True)
    with pytest.raises(ValueError, match='more than 1 value'):
        theirs(row)
    ours(row).sum().backward()
    assert torch.isfinite(row.grad).all() and row.grad.abs().sum() > 0
    assert torch.isfinite(ours.weight.grad).all()


@pytest.mark.parametrize('shape', [(2, 4), (7, 4), (1, 4, 5), (3, 4, 5)])
@pytest.mark.parametrize('training', [True, False])
def test_elsewhere_nothing_changes(pair, shape, training):
    ours, theirs = (layer.train(training) for layer in pair)
    values = torch.randn(shape)
    for _ in range(2):
        assert torch.equal(ours(values), theirs(values))
    assert torch.equal(ours.running_mean, theirs.running_mean)


def test_no_row_and_no_running_statistics(pair):
    assert pair[0](torch.zeros(0, 4)).shape == (0, 4)
    alone = type(pair[0])(4, track_running_stats=False)
    assert torch.isfinite(alone(torch.randn(3, 4))).all()
