"""Initial weights by a table of laws: which parameter gets what, and what is refused."""
from __future__ import annotations

import math

import pytest
import torch
from mmengine.config import Config
from torch import nn

from sparse3d.engine.initial_weights import (
    LAWS,
    check_initial_weights,
    draw_initial_weights,
)
from sparse3d.engine.runner import Sparse3DRunner
from sparse3d.errors import ConfigError


def model() -> nn.Module:
    torch.manual_seed(0)
    built = nn.Sequential(nn.Conv2d(8, 64, 3), nn.BatchNorm2d(64), nn.Conv2d(64, 4, 1))
    built[1].weight.data.zero_()
    return built


ROWS = [[r'0\.weight', 'kaiming normal, outputs'], [r'2\.bias', 'constant', -2.19],
        [r'2\..*', 'as built'], [r'.*weight', 'linear'], [r'.*bias', 'bias of linear']]


def test_first_row_counts_norms_are_1_and_0():
    drawn = model().requires_grad_(False)
    kept = drawn[2].weight.clone()
    draw_initial_weights(drawn, ROWS)
    assert drawn[0].weight.std() == pytest.approx(math.sqrt(2 / (64 * 9)), rel=0.05)
    edge = 1 / math.sqrt(8 * 9)
    assert 0.8 * edge < drawn[0].bias.abs().max() <= edge
    assert (drawn[1].weight == 1).all() and (drawn[1].bias == 0).all()
    assert torch.equal(drawn[2].weight, kept) and (drawn[2].bias == -2.19).all()


@pytest.mark.parametrize('law, edge', [
    ('linear', 1 / math.sqrt(27 * 16)), ('sparse 1.x', 1 / math.sqrt(9 * 16 * 32)),
    ('xavier', math.sqrt(6 / (16 * 27 + 32 * 3 * 3 * 16)))])
def test_edges_of_a_sparse_weight(law, edge):
    weight = torch.empty(32, 3, 3, 3, 16)  # outputs, kernel, inputs
    LAWS[law](weight)
    assert 0.99 * edge < weight.abs().max() <= edge


def test_what_no_row_names_and_unknown_laws_are_refused():
    with pytest.raises(ConfigError, match=r'no row for 2\.bias'):
        draw_initial_weights(model(), [[r'.*weight', 'linear'], [r'[01]\.bias', 'constant', 0]])
    with pytest.raises(ConfigError, match="no law 'lin'; it knows constant"):
        draw_initial_weights(model(), [['.*', 'lin']])


def test_a_choice_that_the_config_cannot_mean_is_refused():
    check_initial_weights(Config())
    check_initial_weights(Config(dict(initial_weights='released', released_weights=ROWS)))
    with pytest.raises(ConfigError, match='no table released_weights'):
        check_initial_weights(Config(dict(initial_weights='released')))
    with pytest.raises(ConfigError, match="'mine' is neither 'own' nor 'released'"):
        check_initial_weights(Config(dict(initial_weights='mine')))


@pytest.mark.parametrize('chosen, bias', [('released', -2.19), ('own', None)])
def test_the_runner_draws_what_the_config_asks_for(chosen, bias):
    runner = Sparse3DRunner.__new__(Sparse3DRunner)
    runner.cfg = Config(dict(initial_weights=chosen, released_weights=ROWS))
    runner.model = model()
    runner._init_model_weights()
    assert (runner.model[2].bias == -2.19).all() == (bias is not None)
