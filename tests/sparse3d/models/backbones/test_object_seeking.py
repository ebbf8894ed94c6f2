"""ObjectSeeking: which patches later stages see, and where their features go."""
from __future__ import annotations

import copy

import pytest
import torch
from mmdet3d.registry import MODELS

import sparse3d.register  # noqa: F401  (registers the core)
from sparse3d.errors import ConfigError
from sparse3d.models.backbones.object_seeking import ObjectSeeking, PatchGrid
from sparse3d.models.backbones.seen_images import SeenImages

RESNET = dict(type='mmdet.ResNet', depth=18, base_channels=8, out_indices=(0, 1, 2, 3),
              norm_cfg=dict(type='BN2d'), norm_eval=False)
VOVNET = dict(type='VoVNet', name='V-39-eSE', out_stages=(3, 4, 5))
SIZE = (128, 192)
OBJECTS = torch.tensor([[0, 70, 10, 90, 40.], [1, 130, 70, 180, 120]])  # patches (0, 1), (1, 2)


def backbone(net=RESNET, **more):
    torch.manual_seed(0)
    return ObjectSeeking(net, **more).eval()


def images(count=2):
    return torch.randn(count, 3, *SIZE, generator=torch.Generator().manual_seed(0))


def everywhere(model, logit):
    """Let the mask say the same of every cell."""
    torch.nn.init.zeros_(model.seeker[3].weight)
    torch.nn.init.constant_(model.seeker[3].bias, logit)
    return model


def test_patches_are_cut_and_put_back():
    grid = PatchGrid.of((5, 6), (40, 48), (16, 32))
    assert grid.patch == (2, 4) and grid.counts == (3, 2)
    features = torch.randn(2, 3, 5, 6)
    cut = grid.cut(features)
    assert cut.shape == (12, 3, 2, 4) and torch.equal(cut[7], features[1, :, :2, 4:].new_zeros(
        3, 2, 4).index_copy(2, torch.arange(2), features[1, :, :2, 4:]))
    assert torch.equal(grid.put_back(cut, torch.arange(12), 2), features)
    some = grid.put_back(cut[[1]], torch.tensor([1]), 2)
    assert torch.equal(some[0, :, :2, 4:], features[0, :, :2, 4:]) and some[1].abs().sum() == 0
    assert (some != 0).sum() <= 12
    assert grid.any_of(torch.eye(5, 6).bool()[None]).tolist() == [
        [[True, False], [True, False], [False, True]]]


@pytest.mark.parametrize('net', [RESNET, VOVNET], ids=['resnet', 'vovnet'])
def test_early_maps_are_those_of_the_backbone_and_later_ones_of_its_patches(net):
    model = everywhere(backbone(net), 9.)
    plain = MODELS.build(net)
    plain.eval()
    plain.load_state_dict({name: value for name, value in model.state_dict().items()
                           if not name.startswith('seeker.')})
    given = images(1)
    with torch.no_grad():
        found, dense = model(given), plain(given)
    early = len(found) - 2
    assert [level.shape for level in found] == [level.shape for level in dense]
    assert all(torch.equal(one, other) for one, other in zip(found[:early], dense[:early],
                                                             strict=True))
    assert model.share_of_patches == 1.0
    # One patch as large as the image is the dense backbone.
    whole = everywhere(ObjectSeeking(net, patch=SIZE), 9.).eval()
    whole.load_state_dict(model.state_dict())
    with torch.no_grad():
        for one, other in zip(whole(given), dense, strict=True):
            torch.testing.assert_close(one, other)


def test_nothing_sought_leaves_zeros():
    model = everywhere(backbone(), -9.)
    with torch.no_grad():
        found = model(images())
    assert found[0].abs().sum() > 0 and found[1].abs().sum() > 0
    assert found[2].shape == (2, 32, 8, 12) and found[3].shape == (2, 64, 4, 6)
    assert found[2].abs().sum() == 0 and found[3].abs().sum() == 0
    assert model.share_of_patches == 0.0


def test_a_kept_patch_is_the_patch_alone():
    """Whatever else is kept: as in a run of its own."""
    model, given = everywhere(backbone(), 9.), images(1)
    with torch.no_grad():
        all_kept = model(given)[3]
        model._kept = lambda *_: torch.tensor([[[False, False, True], [False] * 3]])
        one = model(given)[3]
    torch.testing.assert_close(one[..., :2, 4:], all_kept[..., :2, 4:])
    assert one[..., :2, :4].abs().sum() == 0 and one[..., 2:, :].abs().sum() == 0


def test_training_keeps_labeled_objects_and_learns_the_mask():
    model = everywhere(backbone(), -9.).train()
    seen = SeenImages(2, OBJECTS)
    found = model(images(), seen)
    kept = (found[3].abs().sum(1) > 0).float()
    assert model.kept == 2 and kept[0, :2, 2:4].sum() > 0 and kept[1, 2:, 4:].sum() > 0
    assert kept.sum() <= 8
    loss = seen.losses['loss_object_seeking']
    (loss + sum(level.square().mean() for level in found)).backward()
    assert all(weight.grad is not None for weight in model.parameters())
    assert model.seeker[3].bias.grad.item() < 0  # more objects than it says


def test_all_patches_in_training_as_published_and_one_at_least():
    model = everywhere(backbone(in_training='all'), -9.).train()
    model(images(), SeenImages(2, OBJECTS))
    assert model.share_of_patches == 1.0
    sought = everywhere(backbone(), -9.).train()
    sought(images(), SeenImages(2, OBJECTS[:0]))
    assert sought.kept == 1


def test_absent_cameras_have_no_patch():
    model, given = everywhere(backbone(), 9.), images()
    given[1] = 0
    with torch.no_grad():
        found = model(given)
    assert found[3][0].abs().sum() > 0 and found[3][1].abs().sum() == 0
    assert model.share_of_patches == .5


def test_frozen_parts_and_copies():
    model = backbone(dict(RESNET, frozen_stages=1, norm_eval=True)).train()
    assert not model.bn1.training and not model.layer4[0].bn1.training
    assert model.seeker[1].training and not model.layer1[0].conv1.weight.requires_grad
    twin = copy.deepcopy(model)
    torch.nn.init.zeros_(twin.conv1.weight)
    assert twin.net.conv1 is twin.conv1 and model.conv1.weight.abs().sum() > 0


@pytest.mark.parametrize(('more', 'told'), [
    (dict(early_stages=4), 'sought after 4 stages of 4; give 1 to 3'),
    (dict(early_stages='2'), "sought after '2' stages of 4"),
    (dict(in_training='some'), "in_training is 'some'; use one of sought, all"),
    (dict(patch=64), 'patch is 64; give height and width'),
    (dict(patch=(0, 64)), r'patch is \(0, 64\)'), (dict(threshold=1.5), 'threshold is 1.5'),
    (dict(loss_weight='x'), "loss_weight is 'x'"), (dict(kernel=4), 'kernel is 4; give an odd'),
    (dict(net=dict(type='SparseSwin')), 'not in a SparseSwin; a Swin leaves windows out')])
def test_what_cannot_be_is_refused(more, told):
    with pytest.raises(ConfigError, match=told):
        ObjectSeeking(**{'net': RESNET, **more})


def test_patches_that_fall_on_no_cells():
    with pytest.raises(ConfigError, match='60 x 64 pixels do not fall on whole cells'):
        backbone(patch=(60, 64))(images())
    with pytest.raises(ConfigError, match='100 x 128; give patches and images .* multiples of 8'):
        backbone()(torch.rand(1, 3, 100, 128))
    with pytest.raises(ConfigError, match='16 x 64 pixels are one cell before stage 4'):
        backbone(patch=(16, 64))(images())
    with pytest.raises(ConfigError, match='no whole cells in a later stage'), torch.no_grad():
        everywhere(backbone(patch=(40, 64)), 9.)(torch.randn(1, 3, 136, 128))
