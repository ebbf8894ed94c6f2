from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope

import sparse3d.register  # noqa: F401
from sparse3d.errors import ConfigError
from sparse3d.pretraining.masked_images import patch_loss, patches_of, present_images
from sparse3d.pretraining.masked_layers import enlarged


def model(part='backbone'):
    init_default_scope('mmdet3d')
    torch.manual_seed(0)
    return MODELS.build(dict(
        type='MaskedImagePretraining', part=part, channels=[8, 16, 32, 64], decoder_channels=32,
        image_backbone=dict(type='mmdet.ResNet', depth=18, base_channels=8, norm_eval=False)))


def test_the_loss_of_a_patch_by_hand():
    images = torch.zeros(1, 3, 2, 4)
    images[..., 2:] = torch.tensor([[0.0, 2.0], [0.0, 2.0]])  # mean 1, unbiased variance 12 / 11
    painted = torch.zeros_like(images)
    mask = torch.tensor([[[[True, False]]]])
    expected = 1 / (12 / 11 + 1e-6)
    assert float(patch_loss(painted, images, mask, 2)) == pytest.approx(expected, rel=1e-6)
    painted[..., :2] = 77  # a visible patch is not asked for
    assert float(patch_loss(painted, images, mask, 2)) == pytest.approx(expected, rel=1e-6)


def test_patches_hold_their_pixels():
    images = torch.arange(2 * 3 * 4 * 6).view(2, 3, 4, 6).float()
    found = patches_of(images, 2)
    assert found.shape == (2, 6, 12)
    assert torch.equal(found[1, 4].view(3, 2, 2), images[1, :, 2:4, 2:4])


@pytest.mark.parametrize('part', ['backbone', 'image_backbone'])
def test_losses_have_gradients_everywhere(part):
    network = model(part)
    losses = network(dict(imgs=torch.randn(2, 2, 3, 64, 96)), mode='loss')
    losses['loss_patches'].backward()
    assert [name for name, value in network.named_parameters() if value.grad is None] == []
    assert any(name.startswith(f'{part}.layer4') for name in network.state_dict())


def test_maps_are_zero_where_nothing_is_seen():
    network = model().eval()
    images = torch.randn(3, 3, 64, 96)
    mask = network.draw(images)
    for level in network.masked_maps(images, mask):
        assert not level[~enlarged(mask, tuple(level.shape[-2:])).expand_as(level)].any()


def test_missing_pictures_are_no_samples():
    images = torch.arange(4.0).view(2, 2, 1, 1, 1).expand(2, 2, 3, 4, 4)
    samples = [SimpleNamespace(metainfo=dict(image_valid=marks))
               for marks in ([True, False], [True, True])]
    assert present_images(images, samples)[:, 0, 0, 0].tolist() == [0, 2, 3]
    assert present_images(images, None).shape == (4, 3, 4, 4)
    assert present_images(images[:, 0], None).shape == (2, 3, 4, 4)


def test_nothing_is_detected():
    with pytest.raises(ConfigError, match='pretrained_encoder'):
        model()(dict(), mode='predict')
