"""Ratios drawn in every iteration, the same after a resume; tests see those of the config."""
from __future__ import annotations

from types import SimpleNamespace

import pytest
from torch import nn

import sparse3d.register  # noqa: F401  (registers the core)
from sparse3d.engine.hooks.draw_window_ratios import DrawWindowRatiosHook
from sparse3d.engine.ratio_space import RATIOS
from sparse3d.errors import ConfigError
from sparse3d.models.backbones.sparse_swin import SparseSwin

CONFIGURED = [[.1, .1], [.2, .2, .3, .3, .4, .4]]


@pytest.fixture(scope='module')
def model():
    backbone = SparseSwin(CONFIGURED, embed_dims=8, depths=(2, 6), num_heads=(1, 2),
                          strides=(4, 2), out_indices=(0, 1))
    return nn.ModuleDict(dict(module=nn.ModuleDict(dict(backbone=backbone))))  # wrapped


def drawn(model, iterations, seed=0):
    hook, backbone = DrawWindowRatiosHook(), model['module']['backbone']
    hook.before_train(SimpleNamespace(model=model))
    found = []
    for number in iterations:
        hook.before_train_iter(SimpleNamespace(iter=number, seed=seed), 0)
        found.append(backbone.ratios)
    hook.after_train(None)
    return found


def test_draws_follow_from_seed_and_iteration(model):
    through = drawn(model, range(40))
    assert through[25:] == drawn(model, range(25, 40))  # resumed, or another process
    assert through != drawn(model, range(40), seed=1)
    assert len({str(one) for one in through}) > 35
    assert {ratio for one in through for stage in one for ratio in stage} == set(RATIOS)
    assert all(one[0][0] == one[0][1] and one[1] == sorted(one[1]) for one in through)


def test_validation_and_what_follows_see_the_ratios_of_the_config(model):
    hook, backbone = DrawWindowRatiosHook(), model['module']['backbone']
    runner = SimpleNamespace(model=model, iter=3, seed=0)
    for back in (hook.before_val, hook.after_train):
        hook.before_train(runner)
        hook.before_train_iter(runner, 0)
        assert backbone.ratios != CONFIGURED
        back(runner)
        assert backbone.ratios == CONFIGURED


def test_a_model_without_such_a_backbone_is_refused():
    with pytest.raises(ConfigError, match="no SparseSwin; set model's image backbone"):
        DrawWindowRatiosHook().before_train(SimpleNamespace(model=nn.Linear(1, 1)))


@pytest.mark.parametrize('ratios', [(1.5,), (), ('a',), .5, (0, 1)])
def test_ratios_that_cannot_be_are_refused_at_once(ratios):
    with pytest.raises(ConfigError, match='DrawWindowRatiosHook.ratios is .*; give a list'):
        DrawWindowRatiosHook(ratios)
