"""Matching by hand: what pairs cost, what does not count."""
from __future__ import annotations

import itertools

import pytest
import torch

from sparse3d.errors import ConfigError
from sparse4d.box_targets import (
    MatchOptions,
    assign_targets,
    decode_codes,
    encode_boxes,
    pair_costs,
)

BOXES = torch.tensor([[10.0, 0, 0, 4, 2, 2, 0.3, 1, 0], [-10.0, 5, 1, 1, 1, 2, -2, 0, 1]])
LABELS = torch.tensor([0, 1])
OPTIONS = MatchOptions()


def test_a_box_comes_back():
    torch.testing.assert_close(decode_codes(encode_boxes(BOXES)), BOXES)


def test_the_cheapest_assignment():
    torch.manual_seed(0)
    logits, codes = torch.randn(1, 5, 3), torch.randn(1, 5, 11) * 4
    found = assign_targets(logits, codes, [BOXES], [LABELS], OPTIONS)
    costs = pair_costs(logits[0], codes[0, :, :10], encode_boxes(BOXES), LABELS, OPTIONS)
    best = min(itertools.permutations(range(5), 2),
               key=lambda rows: float(costs[rows[0], 0] + costs[rows[1], 1]))
    assert found.matched[0].nonzero()[:, 0].tolist() == sorted(best)
    assert [found.labels[0, row].item() for row in best] == [0, 1]
    torch.testing.assert_close(found.codes[0, list(best)], encode_boxes(BOXES))


def test_velocity_and_direction_do_not_count_in_the_cost():
    codes = encode_boxes(BOXES[:1]).repeat(3, 1)
    codes[0, 6:] += 100
    codes[1, 0] += 1      # 2 * 0.25 a meter
    codes[2, 3] += 1      # 0.5 * 0.25
    costs = pair_costs(torch.zeros(3, 2), codes, encode_boxes(BOXES[:1]), LABELS[:1], OPTIONS)
    difference = costs[:, 0] - costs[0, 0]
    torch.testing.assert_close(difference, torch.tensor([0.0, 0.5, 0.125]))


def test_weights_of_what_has_no_direction():
    codes = encode_boxes(BOXES)[None]
    anchors = torch.cat([codes, torch.zeros(1, 2, 1)], -1)
    logits = torch.tensor([[[5.0, -5], [-5, 5]]])
    found = assign_targets(logits, anchors, [BOXES], [LABELS], MatchOptions(round_classes=[1]))
    assert found.weights[0].tolist() == [[1] * 10, [2, 2, 2, 1, 1, 1, 0, 0, 1, 1]]


def test_a_box_without_a_size_and_predictions_of_nan_are_matched_somehow():
    flat = BOXES.clone()
    flat[0, 3] = 0
    found = assign_targets(torch.full((1, 4, 2), float('nan')), torch.zeros(1, 4, 11), [flat],
                           [LABELS], OPTIONS)
    assert found.matched.sum() == 2


def test_weights_of_another_length():
    with pytest.raises(ConfigError, match='code_weights of the matching has 3 numbers'):
        MatchOptions(code_weights=(1, 2, 3))
