"""Large linear layers: values, gradients, and who does them."""
from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from sparse3d.ops import linear as linear_module
from sparse3d.ops.linear import linear

ROWS, IN, OUT = 96, 160, 320    # more than FEWEST products
SOURCE = 'mkldnn::_linear_pointwise'


def _given(dtype=torch.float32):
    random = torch.Generator().manual_seed(0)
    features, weight, bias = (torch.randn(*shape, generator=random, dtype=dtype) for shape in
                              ((2, ROWS // 2, IN), (OUT, IN), (OUT,)))
    return features, weight, bias


def _operators(call) -> set[str]:
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as found:
        call()
    return {event.key for event in found.key_averages()}


@pytest.mark.parametrize('with_bias', [True, False])
def test_values_and_gradients_are_those_of_pytorch(with_bias):
    given = _given()[:3 if with_bias else 2]
    mine, theirs = ([value.clone().requires_grad_() for value in given] for _ in range(2))
    found, expected = linear(*mine), F.linear(*theirs)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4)
    for result in (found, expected):
        (result * torch.linspace(-1, 1, OUT)).sum().backward()
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-5, atol=1e-3)


def test_only_gradients_that_are_wanted_are_computed():
    features, weight, bias = _given()
    weight.requires_grad_()
    linear(features, weight, bias).sum().backward()
    torch.testing.assert_close(weight.grad, features.flatten(0, 1).sum(0).expand(OUT, IN),
                               rtol=1e-4, atol=1e-4)
    assert features.grad is None and bias.grad is None


def test_gradients_have_gradients():
    features, weight, bias = _given()
    features.requires_grad_(), weight.requires_grad_()
    gradient, = torch.autograd.grad(linear(features, weight, bias).square().sum(), features,
                                    create_graph=True)
    gradient.square().sum().backward()
    copies = [value.detach().clone().requires_grad_() for value in (features, weight)]
    other, = torch.autograd.grad(F.linear(*copies, bias).square().sum(), copies[0],
                                 create_graph=True)
    other.square().sum().backward()
    torch.testing.assert_close(weight.grad, copies[1].grad, rtol=1e-4, atol=1.0)


@pytest.mark.skipif(not linear_module._is_there(), reason='PyTorch without oneDNN for x86')
def test_large_products_go_to_onednn():
    features, weight, bias = _given()
    assert SOURCE in _operators(lambda: linear(features, weight, bias))
    assert SOURCE in _operators(lambda: linear(features.requires_grad_(), weight, bias))


@pytest.mark.parametrize('what', ['small', 'float64', 'autocast', 'traced', 'watched', 'off'])
def test_others_go_to_pytorch(what):
    features, weight, bias = _given(torch.float64 if what == 'float64' else torch.float32)
    if what == 'small':
        features = features[:, :1]
    if what == 'traced':
        graph = torch.jit.trace(linear, (features, weight, bias)).graph
        assert 'aten::linear' in str(graph) and 'mkldnn' not in str(graph)
        return
    if what == 'watched':
        with FlopCounterMode(display=False) as counted:
            linear(features, weight, bias)
        assert counted.get_total_flops() == 2 * ROWS * IN * OUT
        return
    with torch.autocast('cpu', torch.bfloat16, enabled=what == 'autocast'), \
            torch.backends.mkldnn.flags(enabled=what != 'off'):
        assert SOURCE not in _operators(lambda: linear(features, weight, bias))
        assert torch.equal(linear(features, weight, bias), F.linear(features, weight, bias))


@pytest.mark.parametrize('bias', ['expanded', 'strided', 'of one number'])
def test_a_bias_of_any_layout_counts_as_in_pytorch(bias):
    features, weight, _ = _given()
    given = {'expanded': torch.ones(1).expand(OUT), 'strided': torch.arange(2.0 * OUT)[::2],
             'of one number': torch.ones(1)}[bias]
    torch.testing.assert_close(linear(features, weight, given), F.linear(features, weight, given),
                               rtol=1e-5, atol=1e-4)


def test_what_does_not_fit_gets_the_sentence_of_pytorch():
    features, weight, bias = _given()
    with pytest.raises(RuntimeError, match='shapes cannot be multiplied'):
        linear(features[..., :-1], weight, bias)
    with pytest.raises(RuntimeError, match='expanded size'):
        linear(features, weight, bias[:-1])
    vector = torch.rand(IN)
    rows = torch.rand(linear_module.FEWEST // IN, IN)
    assert linear(rows, vector).shape == F.linear(rows, vector).shape


def test_transforms_of_functions_see_a_linear_layer():
    features, weight, bias = _given()
    found = torch.func.grad(lambda given: linear(given, weight, bias).sum())(features)
    torch.testing.assert_close(found, weight.sum(0).expand_as(features), rtol=1e-4, atol=1e-3)
