"""Denoising by hand: noise, groups, who goes on, batches without objects."""
from __future__ import annotations

import pytest
import torch

from sparse3d.errors import ConfigError
from sparse4d.box_targets import encode_boxes
from sparse4d.denoising import (
    NEGATIVE,
    PADDING,
    DenoisingOptions,
    Noise,
    cache_groups,
    continue_groups,
    draw_noise,
    noisy_instances,
)

BOXES = torch.tensor([[10.0, 0, 0, 4, 2, 2, 0.3, 1, 0], [-10.0, 5, 1, 1, 1, 2, -2, 0, 1],
                      [30.0, 5, 1, 1, 1, 2, -2, 0, 1]])
LABELS, IDS = torch.tensor([0, 1, 2]), torch.tensor([7, 8, 9])
TWO = DenoisingOptions(num_groups=2, num_temporal_groups=1)


def made(rows=(0, 1, 2), options=TWO, ids=True, noise=None):
    rows = list(rows)
    return noisy_instances([BOXES[rows]], [LABELS[rows]], [IDS[rows]] if ids else None, options,
                           noise)


def test_near_and_far_noise():
    noise = draw_noise(3, 2, 50)
    assert noise.near.shape == noise.far.shape == (3, 2, 50, 10)
    assert noise.near.min() >= -1 and noise.near.max() < 1
    assert noise.far.abs().min() >= 1 and noise.far.abs().max() < 2
    assert 0.4 < (noise.far > 0).float().mean() < 0.6


def test_without_noise_near_anchors_become_their_objects():
    still = Noise(torch.zeros(2, 1, 3, 10), torch.full((2, 1, 3, 10), 1.5))
    noisy = made(noise=still)
    assert noisy.labels.tolist() == [[0, 1, 2, NEGATIVE, NEGATIVE, NEGATIVE] * 2]
    torch.testing.assert_close(noisy.anchors[0, :3, :10], encode_boxes(BOXES))
    torch.testing.assert_close(noisy.codes[0, :3], encode_boxes(BOXES))
    shift = noisy.anchors[0, 3:6, :10] - encode_boxes(BOXES)
    torch.testing.assert_close(shift, 1.5 * torch.tensor(TWO.noise).expand(3, -1))
    assert noisy.valid.all() and noisy.ids.tolist() == [[7, 8, 9, -1, -1, -1] * 2]


def test_groups_do_not_see_each_other():
    mask = made().attn_mask
    assert mask.shape == (12, 12)
    assert not mask[:6, :6].any() and not mask[6:, 6:].any()
    assert mask[:6, 6:].all() and mask[6:, :6].all()


def test_padding_does_not_count():
    noisy = noisy_instances([BOXES, BOXES[:1]], [LABELS, LABELS[:1]], None, TWO)
    assert noisy.ids is None
    assert noisy.valid[0].all() and noisy.valid[1].sum() == 4  # one object, near and far, twice
    assert (noisy.labels[1] == PADDING).any()


def test_an_unknown_velocity_stays_unknown_and_moves_no_anchor():
    boxes = BOXES.clone()
    boxes[0, 7:] = float('nan')
    noisy = noisy_instances([boxes], [LABELS], [IDS], TWO)
    assert noisy.anchors.isfinite().all()
    assert noisy.codes.isnan().sum() == 4 and noisy.codes[..., 8:].isnan().sum() == 4


def test_no_object_no_group_and_too_many_objects():
    assert made(rows=()) is None
    assert made(options=DenoisingOptions(num_groups=0, num_temporal_groups=0)) is None
    few = made(options=DenoisingOptions(num_groups=1, num_temporal_groups=1, max_objects=2))
    assert few.labels.shape == (1, 4) and 2 not in few.labels


def cached(noisy, options=TWO):
    features = torch.ones(*noisy.labels.shape, 4)
    return cache_groups(noisy, features, noisy.anchors + 1, options,
                        torch.arange(options.num_groups))


def test_an_object_that_is_gone_is_background_and_one_that_moved_has_its_new_box():
    before, now = made(rows=(0, 1)), made(rows=(1, 2))
    group = cached(before)
    assert group.labels.shape == (1, 1, 4)
    features = torch.zeros(1, 8, 4, requires_grad=True)
    features, anchors, later = continue_groups(now, features, now.anchors, group,
                                               torch.tensor([True]))
    assert later.ids[0, :2].tolist() == [7, 8] or later.ids[0, :4].tolist().count(-1) == 2
    gone, there = (later.ids[0] == 7).nonzero()[0, 0], (later.ids[0] == 8).nonzero()[0, 0]
    assert later.labels[0, gone] == PADDING and later.labels[0, there] == 1
    torch.testing.assert_close(later.codes[0, there], encode_boxes(BOXES)[1])
    assert (features[0, :4] == 1).all() and (features[0, 4:] == 0).all()
    torch.testing.assert_close(anchors[0, :4], before.anchors[0, :4] + 1)
    torch.testing.assert_close(anchors[0, 4:], now.anchors[0, 4:])
    features.sum().backward()  # what is new learns, what is cached does not


def test_another_scene_keeps_its_own_and_more_objects_are_padded():
    before, now = made(rows=(0,)), made()
    group = cached(before)
    features = torch.zeros(1, 12, 4)
    same = continue_groups(now, features, now.anchors, group, torch.tensor([False]))[2]
    assert same.labels.equal(now.labels) and same.ids.equal(now.ids)
    longer = continue_groups(now, features, now.anchors, group, torch.tensor([True]))[2]
    assert not longer.valid[0, 2:6].any() and longer.valid[0, 6:].all()


def test_without_ids_nothing_goes_on():
    noisy = made(ids=False)
    assert cached(noisy) is None


@pytest.mark.parametrize(('options', 'said'), [
    (dict(num_groups=2, num_temporal_groups=3), 'num_temporal_groups of denoising is 3'),
    (dict(noise=(1, 2)), 'noise of denoising has 2 numbers')])
def test_what_cannot_be_meant(options, said):
    with pytest.raises(ConfigError, match=said):
        DenoisingOptions(**options)
