"""Losses by hand: what counts, what does not, and what moves the box."""
from __future__ import annotations

import math

import pytest
import torch

from sparse3d.errors import ConfigError
from sparse4d.box_targets import MatchOptions, encode_boxes
from sparse4d.denoising import DenoisingOptions, noisy_instances
from sparse4d.losses import InstanceLosses, LossOptions

BOX = torch.tensor([[10.0, 0, 0, 4, 2, 2, 0.3, 1, 0]])
LABEL = torch.tensor([0])


def made(**options) -> InstanceLosses:
    return InstanceLosses(3, MatchOptions(), LossOptions(**options))


def anchors(shift=0.0, turned=False):
    code = encode_boxes(BOX)
    code[:, 0] += shift
    if turned:
        code[:, 6:8] *= -1
    return torch.cat([code, torch.zeros(1, 1)], 1)[None].requires_grad_()


SURE, UNSURE = torch.tensor([[[4.0, -4, -4]]]), torch.tensor([[[-4.0, -4, -4]]])


def test_a_box_that_is_off_by_half_a_meter():
    found = made().matched(SURE, anchors(0.5), torch.zeros(1, 1, 2), [BOX], [LABEL])
    assert found['box'].item() == pytest.approx(0.25 * 2 * 0.5, rel=1e-5)
    assert found['cns'].item() == pytest.approx(math.log(2))  # whatever the target is
    assert found['yns'].item() == pytest.approx(math.log(2) / 4, rel=1e-5)


def test_centerness_moves_the_box():
    box = anchors(0.5)
    found = made().matched(SURE, box, torch.full((1, 1, 2), 2.0), [BOX], [LABEL])
    found['cns'].backward()
    assert box.grad[0, 0, 0] != 0 and not box.grad[0, 0, 3:].any()


def test_a_matched_instance_with_a_low_score_counts_for_its_class_alone():
    found = made().matched(UNSURE, anchors(0.5), torch.zeros(1, 1, 2), [BOX], [LABEL])
    assert found['box'] == found['cns'] == found['yns'] == 0 < found['cls']
    assert made(box_score_threshold=0.0).matched(
        UNSURE, anchors(0.5), None, [BOX], [LABEL])['box'] > 0


def test_what_looks_alike_from_both_sides_may_lie_either_way():
    turned = anchors(turned=True)
    strict = made().matched(SURE, turned, torch.zeros(1, 1, 2), [BOX], [LABEL])
    mild = made(reversible_classes=[0]).matched(SURE, turned, None, [BOX], [LABEL])
    other = made(reversible_classes=[1]).matched(SURE, turned, None, [BOX], [LABEL])
    assert mild['box'].abs() < 1e-6 < strict['box'] and other['box'] == strict['box']


def test_an_unknown_velocity_and_a_box_without_size_do_not_count():
    unknown, flat = BOX.clone(), BOX.clone()
    unknown[:, 7:] = float('nan')
    flat[:, 3] = 0
    moving = anchors()
    with torch.no_grad():
        moving[..., 8:10] += 9
    assert made().matched(SURE, moving, None, [unknown], [LABEL])['box'].abs() < 1e-6
    assert made().matched(SURE, moving, None, [BOX], [LABEL])['box'] > 1
    assert made().matched(SURE, anchors(), None, [flat], [LABEL])['box'].isfinite()


def test_a_batch_without_objects_has_finite_losses_that_reach_the_weights():
    box, quality = anchors(), torch.zeros(1, 1, 2, requires_grad=True)
    logits = SURE.clone().requires_grad_()
    found = made().matched(logits, box, quality, [BOX[:0]], [LABEL[:0]])
    assert found['box'] == found['cns'] == found['yns'] == 0 < found['cls']
    sum(found.values()).backward()
    assert logits.grad.abs().sum() > 0


def test_denoising_counts_valid_rows_alone():
    noisy = noisy_instances([BOX.repeat(2, 1), BOX], [LABEL.repeat(2), LABEL], None,
                            DenoisingOptions(num_groups=1, num_temporal_groups=0))
    logits, boxes = torch.zeros(2, 4, 3), noisy.anchors.clone()
    one = made().denoised(logits, boxes, noisy)
    padded = ~noisy.valid
    assert padded.any()
    logits[padded], boxes[padded] = 50.0, 1e6
    other = made().denoised(logits, boxes, noisy)
    assert one['cls'] == other['cls'] and one['box'] == other['box'] > 0


def test_weights_of_another_length():
    with pytest.raises(ConfigError, match='code_weights of the losses has 2 numbers'):
        LossOptions(code_weights=(1, 2))
