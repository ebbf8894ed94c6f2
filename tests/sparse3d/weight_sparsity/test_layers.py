from __future__ import annotations

import pytest
from torch import nn

import sparse3d.register  # noqa: F401
from sparse3d.errors import ConfigError
from sparse3d.weight_sparsity.layers import kernel_lack, weights_of_layers


def network():
    model = nn.Module()
    model.entry = nn.Linear(64, 64)
    model.attention = nn.MultiheadAttention(64, 4)
    model.ffn = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64))
    model.cls_branch = nn.Linear(64, 64)
    model.sampling_offset = nn.Linear(64, 64)
    model.narrow = nn.Linear(64, 3)
    model.conv = nn.Conv2d(64, 64, 1)
    model.wide = nn.Conv2d(64, 64, 3)
    return model


def test_who_is_taken_and_why_not():
    found = {each.name: each.refused for each in weights_of_layers(network())}
    assert found == {
        'entry.weight': 'the first layer', 'attention.in_proj_weight': '',
        'attention.out_proj.weight': '', 'ffn.0.weight': '', 'ffn.2.weight': '',
        'cls_branch.weight': 'predicts or embeds positions',
        'sampling_offset.weight': 'predicts or embeds positions',
        'narrow.weight': 'small (3 x 64)'}


def test_kinds_and_patterns():
    model = network()
    convolutions = weights_of_layers(model, ('conv1x1', 'conv'))
    assert [each.name for each in convolutions] == ['conv.weight', 'wide.weight']
    found = {each.name: each.refused for each in weights_of_layers(
        model, include='ffn|cls', exclude=r'ffn\.2')}
    assert [name for name, why in found.items() if not why] == ['ffn.0.weight',
                                                                'cls_branch.weight']
    assert found['ffn.2.weight'] == 'excluded' and found['entry.weight'] == 'not included'


def test_nothing_left_unknown_kinds_and_broken_patterns_are_refused():
    with pytest.raises(ConfigError, match="those of 'absent'"):
        weights_of_layers(network(), include='absent')
    with pytest.raises(ConfigError, match="'dense'"):
        weights_of_layers(network(), ('dense', ))
    with pytest.raises(ConfigError, match=r"are 'linear'; give a list, such as \['linear'\]"):
        weights_of_layers(network(), 'linear')
    with pytest.raises(ConfigError, match='no layer of no kind; use linear'):
        weights_of_layers(network(), ())
    with pytest.raises(ConfigError, match='no pattern'):
        weights_of_layers(network(), include=['ffn'])
    with pytest.raises(ConfigError, match='no pattern'):
        weights_of_layers(network(), include='(')


def test_what_kernels_take():
    assert kernel_lack(nn.Linear(64, 32).weight, 'linear') == ''
    assert '32 x 63' in kernel_lack(nn.Linear(63, 32).weight, 'linear')
    assert 'no kernel' in kernel_lack(nn.Conv2d(64, 64, 1).weight, 'conv1x1')
    lacks = {each.name: each.kernel_lack for each in weights_of_layers(network())}
    for name in ('attention.in_proj_weight', 'attention.out_proj.weight'):
        assert lacks.pop(name) == 'its attention reads the weight itself'
    assert not lacks['ffn.0.weight']
