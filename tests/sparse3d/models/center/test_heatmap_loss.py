"""The loss of heat maps by hand, with weights, without objects, and with what is not a number."""
from __future__ import annotations

from math import log

import pytest
import torch

from sparse3d.models.center.heatmap_loss import heatmap_loss


def test_by_hand():
    target = torch.tensor([1.0, 0.5, 0.0]).view(1, 1, 1, 3)
    logits = torch.tensor([0.0, 0.0, log(3.0)]).view(1, 1, 1, 3)
    expected = -(0.25 * log(0.5) + 0.25 * log(0.5) * 0.5 ** 4 + 0.75 ** 2 * log(0.25))
    assert heatmap_loss(logits, target).item() == pytest.approx(expected, rel=1e-5)
    assert heatmap_loss(logits.flatten(), target.flatten()).item() == pytest.approx(expected)
    weights = torch.tensor([0.0, 0.0, 2.0]).view(1, 1, 1, 3)
    assert heatmap_loss(logits, target, weights, torch.tensor(4.0)).item() == pytest.approx(
        -2 * 0.75 ** 2 * log(0.25) / 4, rel=1e-5)


def test_against_masks_of_positive_and_negative_cells():
    logits, target = torch.randn(200, requires_grad=True), torch.rand(200)
    target[::20] = 1
    chance = logits.sigmoid().clamp(1e-4, 1 - 1e-4)
    peak = target == 1
    found = (chance.log() * (1 - chance) ** 2)[peak].sum()
    quiet = ((1 - chance).log() * chance ** 2 * (1 - target) ** 4)[~peak].sum()
    expected = -(found + quiet) / 10
    torch.testing.assert_close(heatmap_loss(logits, target), expected)
    torch.testing.assert_close(*(torch.autograd.grad(loss, logits, retain_graph=True)[0] for loss
                                 in (heatmap_loss(logits, target), expected)))


def test_without_objects_it_is_finite_and_a_nan_is_not_hidden():
    logits = torch.zeros(4, requires_grad=True)
    heatmap_loss(logits, torch.zeros(4)).backward()
    assert logits.grad.isfinite().all() and logits.grad.any()
    assert heatmap_loss(torch.tensor([float('nan'), 0]), torch.tensor([1.0, 0])).isnan()
    assert heatmap_loss(torch.zeros(0), torch.zeros(0)) == 0


def test_a_logit_however_wrong_costs_no_more_than_a_probability_of_a_ten_thousandth():
    sure = -(1 - 1e-4) ** 2 * log(1e-4)
    for extreme in (50.0, 500.0):
        for logit, target in ((-extreme, 1.0), (extreme, 0.0)):
            logits = torch.tensor([logit], requires_grad=True)
            loss = heatmap_loss(logits, torch.tensor([target]))
            loss.backward()
            assert loss.item() == pytest.approx(sure, rel=1e-4) and logits.grad.isfinite()
