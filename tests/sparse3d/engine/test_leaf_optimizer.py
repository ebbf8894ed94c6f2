"""The released optimizer: what it is not given is clipped with the rest and adds up."""
from __future__ import annotations

import copy

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from torch import nn

import sparse3d.engine.leaf_optimizer  # noqa: F401
from sparse3d.errors import ConfigError


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.ModuleDict(dict(attention=nn.MultiheadAttention(4, 2), out=nn.Linear(4, 1)))


def wrapper_of(net: nn.Module, published: bool, **more):
    return build_optim_wrapper(net, dict(
        constructor='LeafOptimWrapperConstructor',
        optimizer=dict(type='AdamW', lr=0.1, weight_decay=0.01),
        paramwise_cfg=dict(leaf_parameters=published, **more.pop('paramwise', {})),
        clip_grad=dict(max_norm=1.0), **more))


def step(net: nn.Module, wrapper) -> None:
    wrapper.update_params(loss_of(net))


@pytest.mark.parametrize('published', [False, True])
def test_projections_into_attention_move_only_by_default(published):
    net = model()
    wrapper = wrapper_of(net, published)
    start = {name: value.clone() for name, value in net.state_dict().items()}
    step(net, wrapper)
    still = {name for name, value in net.state_dict().items() if torch.equal(value, start[name])}
    assert still == ({'attention.in_proj_weight', 'attention.in_proj_bias'} if published else set())


def loss_of(net: nn.Module) -> torch.Tensor:
    points = torch.arange(12.0).reshape(3, 1, 4)
    return 10 * net['out'](net['attention'](points, points, points)[0]).sum()


def test_their_gradients_are_clipped_with_the_others_and_add_up():
    net = model()
    wrapper = wrapper_of(net, True)
    loss_of(net).backward()
    assert nn.utils.get_total_norm([value.grad for value in net.parameters()]) > 1
    wrapper._clip_grad()
    torch.testing.assert_close(
        nn.utils.get_total_norm([value.grad for value in net.parameters()]), torch.tensor(1.0))
    before = net['attention'].in_proj_weight.grad.clone()
    wrapper.zero_grad()
    other = copy.deepcopy(net)
    loss_of(net).backward()
    fresh = torch.autograd.grad(loss_of(other), other['attention'].in_proj_weight)[0]
    torch.testing.assert_close(net['attention'].in_proj_weight.grad, before + fresh)
    assert torch.equal(net['out'].weight.grad,  # that of the optimizer was set to zero between
                       torch.autograd.grad(loss_of(other), other['out'].weight)[0])


@pytest.mark.parametrize('more, named', [
    (dict(type='AmpOptimWrapper'), r'the AmpOptimWrapper \(--amp\)'),
    (dict(paramwise=dict(norm_decay_mult=0.0)), 'paramwise_cfg.norm_decay_mult'),
])
def test_what_the_release_does_not_have_is_refused_with_it(more, named):
    with pytest.raises(ConfigError, match=f'does not go with {named}: .*parameters=False'):
        wrapper_of(model(), True, **more)


def test_settings_of_single_parameters_go_with_the_default():
    wrapper = wrapper_of(model(), False, paramwise=dict(bias_decay_mult=0.0))
    assert {group['weight_decay'] for group in wrapper.param_groups} == {0.0, 0.01}
