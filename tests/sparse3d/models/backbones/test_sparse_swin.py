"""SparseSwin: what is left out stays as it was; dense it is the Swin of mmdet."""
from __future__ import annotations

import copy

import pytest
import torch
from mmdet.models.backbones.swin import SwinTransformer
from mmdet3d.registry import MODELS
from torch import nn

import sparse3d.register  # noqa: F401  (registers the core)
from sparse3d.errors import ConfigError
from sparse3d.models.backbones.seen_images import SeenImages
from sparse3d.models.backbones.sparse_swin import SparseSwin
from sparse3d.published import PublishedSet, hand_down, quirk

SMALL = dict(embed_dims=8, depths=(2, 4), num_heads=(1, 2), strides=(4, 2), out_indices=(0, 1),
             window_size=7, drop_path_rate=0.3)
RATIOS = [[.5, .5], [.2, .3, .4, .5]]


def backbone(ratios=None, **more):
    torch.manual_seed(1)
    model = SparseSwin(ratios, **{**SMALL, **more})
    for weight in model.parameters():
        nn.init.normal_(weight, std=.2)
    return model.eval()


def images(count=3, size=(72, 120), seed=0):
    return torch.randn(count, 3, *size, generator=torch.Generator().manual_seed(seed))


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def near(one, other, tolerance=1e-5):
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=tolerance)


@pytest.mark.parametrize('size', [(56, 112), (72, 120)])
@pytest.mark.parametrize('training', [False, True])
def test_dense_is_mmdets_swin_bit_for_bit(size, training):
    ours, theirs = backbone(), SwinTransformer(**SMALL)
    theirs.load_state_dict(ours.state_dict())
    found = []
    for model in (ours, theirs):
        model.train(training)
        torch.manual_seed(3)
        found.append(model(images(size=size)))
    assert same(*found)


def test_all_windows_by_hand_are_the_dense_block():
    """The windowed way itself, with nothing left out, on a map that is padded."""
    from sparse3d.models.backbones import sparse_swin
    model = backbone()
    features, size = torch.randn(2, 10 * 17, 8), (10, 17)
    for block in model.stages[0].blocks:
        grid = sparse_swin.window_grid(*size, 7, block.attn.shift_size, features.device)
        chosen = torch.arange(len(grid.tokens)).expand(2, -1)
        near([model._pruned(block, features, grid, chosen, None)], [block(features, size)], 2e-5)


def test_what_is_left_out_stays_and_its_gradient_passes():
    model = backbone([[.5, .7], [0] * 4])
    stage, size = model.stages[0], (10, 17)
    features = torch.randn(2, 170, 8, requires_grad=True)
    result = model._blocks(stage, features, size, [.5, .7], 1, None)
    left_out = (result == features).all(-1)
    assert 20 < left_out.sum() < 300
    result[left_out].sum().backward()
    assert (features.grad[left_out] == 1).all() and (features.grad[~left_out] == 0).all()


def test_order_of_images_does_not_matter():
    model, given = backbone(RATIOS), images(4)
    order = torch.tensor([2, 0, 3, 1])
    near(model(given[order]), [level[order] for level in model(given)])


def test_order_of_cameras_does_not_matter_for_a_sample():
    model, given, seen = backbone(RATIOS, budget='sample'), images(4), SeenImages(4)
    order = torch.tensor([2, 0, 3, 1])
    near(model(given[order], seen), [level[order] for level in model(given, seen)])
    apart = [torch.cat(level) for level in zip(*(
        model(given[part], SeenImages(2)) for part in (slice(0, 2), slice(2, 4))), strict=True)]
    near(model(given, SeenImages(2)), apart)


def test_a_camera_without_much_to_see_keeps_little_of_a_sample():
    """An absent one nothing, though it would have filled the budget of an image."""
    given = images(2)
    given[1] = 0
    pruned = [[.5, .5], [0] * 4]
    model = backbone(pruned, budget='sample')
    calls = []
    from sparse3d.models.backbones import sparse_swin
    on_windows = sparse_swin.on_windows

    def watched(block, features, *rest):
        result = on_windows(block, features, *rest)
        calls.append((result != features).any(-1).float().mean(1))
        return result
    sparse_swin.on_windows = watched
    try:
        model(given, SeenImages(2))
    finally:
        sparse_swin.on_windows = on_windows
    assert [share[1].item() for share in calls] == [0, 0]
    assert min(share[0].item() for share in calls) > .9  # all of its windows: half of the two


def test_a_sample_needs_to_know_its_cameras():
    model = backbone(RATIOS, budget='sample')
    for seen in (None, SeenImages(2)):
        with pytest.raises(ConfigError, match="use budget='image'"):
            model(images(3), seen)
    with pytest.raises(ConfigError, match="budget is 'frame'; use one of image, sample"):
        backbone(budget='frame')
    with pytest.raises(ConfigError, match="SparseSwin an option 'ratio' that it does not have"):
        backbone(ratio=RATIOS)


@pytest.mark.parametrize('budget', ['image', 'sample'])
def test_checkpointed_equals_not_checkpointed(budget):
    found = []
    for with_cp in (False, True):
        model = backbone(RATIOS, with_cp=with_cp, budget=budget, drop_path_rate=0.0).train()
        torch.manual_seed(2)
        sum(level.square().mean() for level in model(images(), SeenImages(3))).backward()
        found.append([weight.grad for weight in model.parameters()])
    near(*found)
    assert all(gradient.abs().max() > 0 for gradient in found[0])


def test_ratios_change_while_it_runs():
    model, given = backbone(), images()
    dense, before = model(given), model.feature_settings()
    model.set_ratios(RATIOS)
    assert model.feature_settings() != before and not same(model(given), dense)
    model.set_ratios(None)
    assert same(model(given), dense)
    assert copy.deepcopy(model).ratios == model.ratios


def test_cost_falls_with_the_ratios():
    model = backbone()
    dense, pruned = model.block_macs((72, 120)), model.block_macs((72, 120), RATIOS)
    assert .5 < pruned / dense < .8


def test_autocast_keeps_the_choice():
    model = backbone(RATIOS)
    with torch.autocast('cpu', torch.bfloat16):
        found = model(images())
    assert all(level.isfinite().all() for level in found)


def test_nothing_is_left_where_the_release_keeps_no_window():
    """K = 0 as published passes a block unchanged."""
    truncated = backbone([[.9, .9], [0] * 4], published=dict(truncation=True))
    features, size = torch.randn(1, 49 * 2, 8), (7, 14)
    assert truncated._blocks(truncated.stages[0], features, size, [.9, .9], 1, None) is features
    assert backbone()._blocks(truncated.stages[0], features, size, [.9, .9], 1,
                              None) is not features


def test_its_quirks_are_given_beside_those_of_a_plug_in():
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class ToyPublished(PublishedSet):
        corners: bool = quirk(False, 'at the corner', 'at the center')

    class ToyHead(nn.Module):
        published_set = ToyPublished
    MODELS.register_module(module=ToyHead)
    try:
        given, head = hand_down(dict(corners=True), backbone=dict(
            type='SparseSwin', published=dict(padding=True)), head=dict(type='ToyHead'))
    finally:
        MODELS.module_dict.pop('ToyHead')
    assert given == dict(type='SparseSwin', published=dict(padding=True))
    assert head['published'] == ToyPublished(corners=True)
    with pytest.raises(ConfigError, match="no quirk 'pading'; did you mean padding"):
        backbone(published=dict(pading=True))
