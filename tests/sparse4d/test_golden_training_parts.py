"""Targets, losses, denoising and depth beside the stored outputs of the published code."""
from __future__ import annotations

import json
import zlib

import numpy as np
import pytest
import torch

from sparse4d.box_targets import MatchOptions, assign_targets, encode_boxes, pair_costs
from sparse4d.denoising import (
    CachedGroups,
    DenoisingOptions,
    cache_groups,
    continue_groups,
    noise_of,
    noisy_instances,
)
from sparse4d.depth_branch import DepthBranch
from sparse4d.losses import InstanceLosses, LossOptions

CONES = (9,)
MATCHING = MatchOptions(round_classes=CONES, published_unknown_velocities=True)
LOSSES = LossOptions(reversible_classes=(5,))
COUNTS = (5, 3)  # objects of the stored samples
CLOSE = dict(rtol=1e-4, atol=1e-5)
FRAMES = range(3)


@pytest.fixture
def objects(stored_operators):
    return ([stored_operators['tgt_boxes'][sample, :count] for sample, count in enumerate(COUNTS)],
            [stored_operators['tgt_labels'][sample, :count] for sample, count in enumerate(COUNTS)])


@pytest.fixture
def frame(stored_training):
    """Function that gives the objects of a frame, and the noise that was drawn for it."""
    def make(number: int):
        found = [[stored_training[f'gt_{what}_{number}{sample}'] for sample in range(2)]
                 for what in ('boxes', 'labels', 'ids')]
        draws = [stored_training[f'rand_{3 * number + place}'].unflatten(0, (5, 2))
                 for place in range(3)]
        return *found, noise_of(*draws)
    return make


@pytest.fixture
def losses():
    return InstanceLosses(10, MATCHING, LOSSES)


# Targets ----------------------------------------------------------------------


def test_costs_and_targets(stored_operators, objects):
    stored, (boxes, labels) = stored_operators, objects
    logits, codes = stored['tgt_cls'], stored['tgt_pred']
    for sample in range(2):
        encoded = encode_boxes(boxes[sample])
        torch.testing.assert_close(encoded, stored[f'tgt_encoded{sample}'], equal_nan=True, **CLOSE)
        costs = pair_costs(logits[sample], codes[sample], encoded, labels[sample], MATCHING)
        torch.testing.assert_close(costs.nan_to_num(1e8), stored[f'tgt_cost{sample}'], **CLOSE)
    found = assign_targets(logits, codes, boxes, labels, MATCHING)
    assert found.labels.equal(stored['tgt_out_cls'])
    torch.testing.assert_close(found.codes, stored['tgt_out_box'], equal_nan=True, **CLOSE)
    assert found.weights.equal(stored['tgt_out_weight'])
    assert found.matched.equal(found.labels < 10)


def test_a_sample_without_objects(stored_operators, objects):
    boxes, labels = objects
    found = assign_targets(stored_operators['tgt_cls'], stored_operators['tgt_pred'],
                           [boxes[0][:0], boxes[1][:2]], [labels[0][:0], labels[1][:2]], MATCHING)
    assert found.labels.equal(stored_operators['tgt_empty_cls'])


def test_an_unknown_velocity_costs_nothing_unless_as_published(stored_operators, objects):
    boxes, labels = objects
    right = assign_targets(stored_operators['tgt_cls'], stored_operators['tgt_pred'], boxes,
                           labels, MatchOptions(round_classes=CONES))
    known = [sample.nan_to_num() for sample in boxes]
    expected = assign_targets(stored_operators['tgt_cls'], stored_operators['tgt_pred'], known,
                              labels, MatchOptions(round_classes=CONES))
    assert right.labels.equal(expected.labels)
    assert not right.labels.equal(stored_operators['tgt_out_cls'])


@pytest.mark.parametrize('number', FRAMES)
def test_assignments_of_a_training(stored_training, frame, number):
    boxes, labels, _, _ = frame(number)
    for layer in range(6):
        found = assign_targets(stored_training[f'f{number}_cls{layer}'],
                               stored_training[f'f{number}_pred{layer}'], boxes, labels, MATCHING)
        assert found.labels.equal(stored_training[f'f{number}_assign{layer}'])
    torch.testing.assert_close(found.codes, stored_training[f'f{number}_reg_target5'], **CLOSE)
    assert found.weights.equal(stored_training[f'f{number}_reg_weight5'])


# Losses -----------------------------------------------------------------------


def test_single_losses(stored_operators, losses):
    stored, count = stored_operators, torch.tensor(6.0)
    codes, labels = stored['loss_box'], stored['loss_cls_target']
    wanted = losses._nearer_direction(stored['loss_target'], codes, labels)
    losses.code_weights.fill_(1)  # the stored weights are whole
    torch.testing.assert_close(losses._boxes(codes, wanted, stored['loss_weight'], count),
                               stored['loss_box_x'], **CLOSE)
    quality = losses._qualities(stored['loss_quality'], codes, wanted, count)
    torch.testing.assert_close(quality['cns'], stored['loss_cns_x'], **CLOSE)
    torch.testing.assert_close(quality['yns'], stored['loss_yns_x'], **CLOSE)
    focal = losses._classification(stored['focal_cls'], stored['focal_target'], torch.tensor(4.0))
    torch.testing.assert_close(focal, stored['focal_loss'], **CLOSE)


@pytest.mark.parametrize('number', FRAMES)
def test_losses_of_a_training(stored_training, stored_losses, frame, losses, number):
    boxes, labels, _, _ = frame(number)
    for layer in range(6):
        quality = stored_training.get(f'f{number}_quality{layer}')
        found = losses.matched(stored_training[f'f{number}_cls{layer}'],
                               stored_training[f'f{number}_pred{layer}'], quality, boxes, labels)
        assert set(found) == {'cls', 'box'} | ({'cns', 'yns'} if layer in (0, 5) else set())
        for name, value in found.items():
            expected = stored_losses[f'f{number}.loss_{name}_{layer}']
            torch.testing.assert_close(value.double(), expected.double(), rtol=1e-4, atol=0)


# Denoising --------------------------------------------------------------------


@pytest.mark.parametrize('number', FRAMES)
def test_fresh_denoising_instances(stored_training, frame, number):
    boxes, labels, ids, noise = frame(number)
    noisy = noisy_instances(boxes, labels, ids, DenoisingOptions(), noise)
    stored = {name.removeprefix(f'f{number}_dn_'): value for name, value in stored_training.items()
              if name.startswith(f'f{number}_dn_')}
    torch.testing.assert_close(noisy.anchors[..., :10], stored['anchor'], **CLOSE)
    assert not noisy.anchors[..., 10].any()
    torch.testing.assert_close(noisy.codes, stored['reg_target'], **CLOSE)
    assert noisy.labels.equal(stored['cls_target'])
    assert noisy.valid.equal(stored['valid'])
    assert noisy.ids.equal(stored['id_target'])
    assert noisy.attn_mask.equal(stored['attn_mask'])


@pytest.fixture
def continued(stored_training, frame):
    """Function that gives what stands behind the first layer of a frame, from stored values."""
    def make(number: int):
        boxes, labels, ids, noise = frame(number)
        noisy = noisy_instances(boxes, labels, ids, DenoisingOptions(), noise)
        anchors = stored_training[f'f{number}_dn_pred0']
        cache = {name: stored_training[f'f{number - 1}_cache_{name}'] for name in (
            'dn_instance_feature', 'dn_cls_target', 'valid_mask', 'dn_id_target')}
        cached = CachedGroups(cache['dn_instance_feature'],
                              stored_training[f'f{number}_dn_cached_projected'],
                              cache['dn_cls_target'], cache['valid_mask'], cache['dn_id_target'])
        features = torch.zeros(*anchors.shape[:2], cached.features.shape[-1])
        return continue_groups(noisy, features, anchors, cached,
                               stored_training[f'f{number}_mask'])
    return make


@pytest.mark.parametrize('number', [1, 2])
def test_groups_go_on(stored_training, continued, number):
    features, anchors, noisy = continued(number)
    stored = {name.removeprefix(f'f{number}_after_'): value
              for name, value in stored_training.items() if name.startswith(f'f{number}_after_')}
    torch.testing.assert_close(anchors, stored['anchor'][:, 100:], **CLOSE)
    torch.testing.assert_close(noisy.codes, stored['reg_target'], **CLOSE)
    assert noisy.labels.equal(stored['cls_target'])
    assert noisy.valid.equal(stored['valid'])
    assert noisy.ids.equal(stored['id_target'])
    rows = torch.arange(0, 100 + features.shape[1], 8)
    kept = torch.nonzero(rows >= 100)[:, 0]
    expected = stored['feature_s'][:, kept]
    found = features[:, rows[kept] - 100]
    replaced = found.any(-1)
    assert replaced.any()
    torch.testing.assert_close(found[replaced], expected[replaced], **CLOSE)


@pytest.mark.parametrize('number', FRAMES)
def test_what_is_cached(stored_training, frame, continued, number):
    if number:
        noisy = continued(number)[2]
    else:
        boxes, labels, ids, noise = frame(0)
        noisy = noisy_instances(boxes, labels, ids, DenoisingOptions(), noise)
    anchors = stored_training[f'f{number}_dn_pred5']
    cached = cache_groups(noisy, anchors, anchors, DenoisingOptions(),
                          stored_training[f'perm_{number}'])
    stored = {name.removeprefix(f'f{number}_cache_'): value
              for name, value in stored_training.items() if name.startswith(f'f{number}_cache_')}
    assert cached.anchors.equal(stored['dn_anchor'])
    assert cached.labels.equal(stored['dn_cls_target'])
    assert cached.valid.equal(stored['valid_mask'])
    assert cached.ids.equal(stored['dn_id_target'])


@pytest.mark.parametrize('number', FRAMES)
def test_denoising_losses_of_a_training(stored_training, stored_losses, frame, continued, losses,
                                        number):
    boxes, labels, ids, noise = frame(number)
    fresh = noisy_instances(boxes, labels, ids, DenoisingOptions(), noise)
    later = continued(number)[2] if number else fresh
    for layer in (0, 1, 5):
        found = losses.denoised(stored_training[f'f{number}_dn_cls{layer}'],
                                stored_training[f'f{number}_dn_pred{layer}'],
                                fresh if layer == 0 else later)
        for name, value in found.items():
            expected = stored_losses[f'f{number}.loss_{name}_dn_{layer}']
            torch.testing.assert_close(value.double(), expected.double(), rtol=1e-4, atol=0)


# Depth ------------------------------------------------------------------------


def test_depth(stored, stored_operators):
    branch = DepthBranch()
    state = {}
    for name, shape, *value in json.loads((stored / 'state.json').read_text()):
        if name.startswith('depth_branch.'):
            state[name.removeprefix('depth_branch.')] = torch.tensor(
                value[0] if value else _filled(name, shape), dtype=torch.float32).reshape(shape)
    branch.load_state_dict(state)
    maps = [stored_operators[f'depth_feat{level}'] for level in range(4)]
    depths = branch(maps, stored_operators['depth_focal'])
    for level, depth in enumerate(depths):
        torch.testing.assert_close(depth, stored_operators[f'depth_pred{level}'], **CLOSE)
    wanted = [stored_operators[f'depth_gt{level}'] for level in range(3)]
    torch.testing.assert_close(branch.loss(depths, wanted), stored_operators['depth_loss'],
                               **CLOSE)


@pytest.mark.parametrize('number', FRAMES)
def test_depth_of_a_training(stored_training, stored_losses, number):
    stored = stored_training
    depths = [stored[f'f{number}_depth{level}'][:, None] for level in (1, 2)]
    wanted = [stored[f'gt_depth{level}_{number}'] for level in (1, 2)]
    first, gt = stored[f'f{number}_depth0'][:, None], stored[f'gt_depth0_{number}']
    branch = DepthBranch()
    whole = branch.loss([first, *depths], [gt.flatten(0, 1)[::4, None], *wanted])
    assert 0 < whole < 2 * stored_losses[f'f{number}.loss_dense_depth']


def _filled(name: str, shape: list[int]) -> np.ndarray:
    random = np.random.default_rng(zlib.crc32(name.encode()))
    return random.standard_normal(shape) / np.sqrt(max(int(np.prod(shape[1:])), 1))
