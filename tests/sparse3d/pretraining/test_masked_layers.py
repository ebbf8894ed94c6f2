"""Hidden patches stay hidden in every layer of a dense network."""
from __future__ import annotations

import copy

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope
from torch import nn

import sparse3d.register  # noqa: F401
from sparse3d.errors import ConfigError
from sparse3d.pretraining.masked_layers import (
    SPREADING,
    draw_patch_mask,
    enlarged,
    norm_of_visible,
    refuse_other_layers,
    visible,
)

RESNET = dict(type='mmdet.ResNet', depth=50, base_channels=8, norm_eval=False)
VOVNET = dict(type='VoVNet', name='V-39-eSE', norm_eval=False)


def network(config, training=True):
    init_default_scope('mmdet3d')
    torch.manual_seed(0)
    backbone = MODELS.build(config)
    backbone.train(training)  # mmdet's does not return itself
    return backbone


def images(count=2, size=(64, 96), seed=0):
    return torch.randn(count, 3, *size, generator=torch.Generator().manual_seed(seed))


def patches(count=2, size=(2, 3), seed=1):
    return draw_patch_mask(count, size, 0.5, torch.Generator().manual_seed(seed))


def maps(backbone, pictures, mask, seen=True):
    shown = pictures * enlarged(mask, tuple(pictures.shape[-2:])) if seen else pictures
    with visible(backbone, mask):
        return backbone(shown)


def with_noise(pictures, mask):
    hidden = ~enlarged(mask, tuple(pictures.shape[-2:]))
    return torch.where(hidden, torch.randn(pictures.shape) * 9, pictures)


@pytest.mark.parametrize('config', [RESNET, pytest.param(VOVNET, marks=pytest.mark.slow)],
                         ids=['ResNet', 'VoVNet'])
def test_what_is_hidden_changes_no_bit(config):
    pictures, mask = images(), patches()
    first, second = network(config), network(config)
    for one, other in zip(maps(first, pictures, mask),
                          maps(second, with_noise(pictures, mask), mask), strict=True):
        assert torch.equal(one, other)
        assert not one[~enlarged(mask, tuple(one.shape[-2:])).expand_as(one)].any()
    for (name, one), other in zip(first.state_dict().items(), second.state_dict().values(),
                                  strict=True):
        assert torch.equal(one, other), name
    assert any(one.any() for name, one in first.state_dict().items() if 'running_mean' in name)


def test_without_the_masks_of_layers_it_would_leak():
    """The control: a network of which only the images are masked fills the holes."""
    pictures, mask = images(), patches()
    backbone = network(RESNET)
    shown = pictures * enlarged(mask, tuple(pictures.shape[-2:]))
    plain = backbone(shown)[-1]
    assert plain[~enlarged(mask, tuple(plain.shape[-2:])).expand_as(plain)].any()


def test_every_layer_leaves_zeros():
    pictures, mask = images(), patches()
    backbone, seen = network(RESNET), []

    def look(layer, given, output):
        seen.append(bool(output[~enlarged(mask, tuple(output.shape[-2:])).expand_as(
            output)].any()))

    with visible(backbone, mask):
        hooks = [layer.register_forward_hook(look) for layer in backbone.modules()
                 if isinstance(layer, (*SPREADING, nn.BatchNorm2d, nn.ReLU))]
        backbone(pictures * enlarged(mask, (64, 96)))
    [hook.remove() for hook in hooks]
    assert len(seen) > 100 and not any(seen)


@pytest.mark.parametrize('training', [True, False])
def test_of_a_whole_image_convolutions_are_the_dense_ones(training):
    layers = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
                           nn.Conv2d(8, 4, 1)).train(training)
    whole = torch.ones(2, 1, 2, 3, dtype=torch.bool)
    assert torch.equal(maps(layers, images(), whole), layers(images()))


def test_a_norm_counts_the_rows_that_are_there():
    mask = patches()
    features = torch.randn(2, 5, 8, 12)
    norm, rows_alone = nn.BatchNorm2d(5), nn.BatchNorm1d(5)
    found = norm_of_visible(norm, mask, features)
    shown = enlarged(mask, (8, 12))[:, 0]
    expected = rows_alone(features.permute(0, 2, 3, 1)[shown])
    assert torch.allclose(found.permute(0, 2, 3, 1)[shown], expected, atol=1e-6)
    assert torch.allclose(norm.running_mean, rows_alone.running_mean)
    assert torch.allclose(norm.running_var, rows_alone.running_var)
    dense = nn.BatchNorm2d(5)
    dense(features * enlarged(mask, (8, 12)))
    assert not torch.allclose(norm.running_var, dense.running_var, atol=1e-2)  # zeros dilute it


def test_behind_the_block_the_network_is_as_before():
    backbone = network(RESNET, training=False)
    before, names = backbone(images())[-1], set(backbone.state_dict())
    hooks = copy.copy([len(layer._forward_hooks) for layer in backbone.modules()])
    with pytest.raises(ValueError, match='stop'), visible(backbone, patches()):
        raise ValueError('stop')
    assert torch.equal(backbone(images())[-1], before) and set(backbone.state_dict()) == names
    assert [len(layer._forward_hooks) for layer in backbone.modules()] == hooks
    assert not any('forward' in vars(layer) for layer in backbone.modules())


def test_the_number_of_patches_is_exact():
    mask = draw_patch_mask(6, (4, 5), 0.6, torch.Generator().manual_seed(0))
    assert mask.flatten(1).sum(1).tolist() == [8] * 6
    assert len({tuple(row.tolist()) for row in mask.flatten(1)}) > 1
    with pytest.raises(ConfigError, match='0 of 1 patches'):
        draw_patch_mask(1, (1, 1), 0.6)


def test_sizes_that_do_not_divide_and_networks_of_tokens_are_refused():
    with pytest.raises(ConfigError, match='multiples of the patch size'):
        enlarged(patches(), (65, 96))
    with pytest.raises(ConfigError, match='LayerNorm'):
        refuse_other_layers(nn.Sequential(nn.LayerNorm(4)))
    with pytest.raises(ConfigError, match='ConvTranspose2d'):
        refuse_other_layers(nn.Sequential(nn.ConvTranspose2d(4, 4, 2)))
