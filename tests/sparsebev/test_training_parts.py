"""Matching, losses and denoising: by hand, and what must not depend on what."""
from __future__ import annotations

import itertools

import pytest
import torch

from sparse3d.errors import ConfigError
from sparse3d.models.query.box_code import box_to_code
from sparse3d.models.query.hungarian_matching import focal_cost
from sparse3d.models.query.query_denoising import denoising_attn_mask, draw_noise, noisy_queries
from sparsebev.detection_losses import DetectionLosses
from sparsebev.head import FOCAL_LOSS, L1_LOSS, SparseBEVHead, grid_of_queries
from sparsebev.hungarian_matching import match

RANGE = (-51.2, -51.2, -5.0, 51.2, 51.2, 3.0)
WEIGHTS = torch.tensor([2.0, 2] + [1.0] * 8)
BOXES = torch.tensor([[10.0, 0, 0, 4, 2, 2, 0, 0, 0], [-10.0, 5, 0, 1, 1, 2, 1, 1, 0],
                      [0.0, 20, 0, 2, 2, 2, 2, 0, 1]])
LABELS = torch.tensor([0, 1, 2])


@pytest.fixture
def losses():
    return DetectionLosses(3, FOCAL_LOSS, L1_LOSS, WEIGHTS.tolist())


# Matching ---------------------------------------------------------------------


def test_matching_finds_the_cheapest_of_all_assignments():
    logits, codes = torch.randn(5, 3), torch.randn(5, 10) * 3
    of_two = match(torch.stack([-logits, logits]), torch.stack([codes, codes]),
                   [BOXES[:0], BOXES], [LABELS[:0], LABELS], WEIGHTS)
    assigned = of_two[1]
    assert of_two[0].tolist() == [-1] * 5
    chance = logits.sigmoid()
    cost = torch.zeros(5, 3)
    for query, target in itertools.product(range(5), range(3)):
        chosen = chance[query, LABELS[target]]
        focal = -0.25 * (1 - chosen) ** 2 * chosen.log() + 0.75 * chosen ** 2 * (1 - chosen).log()
        code = box_to_code(BOXES[target])
        cost[query, target] = 2 * focal + 0.25 * ((codes[query] - code).abs() * WEIGHTS).sum()
    best = min(itertools.permutations(range(5), 3),
               key=lambda queries: sum(cost[query, target].item()
                                       for target, query in enumerate(queries)))
    expected = torch.full((5,), -1)
    for target, query in enumerate(best):
        expected[query] = target
    assert assigned.equal(expected)


def test_matching_without_objects_and_with_unusable_costs():
    logits = torch.zeros(1, 2, 3)
    assert match(logits, torch.zeros(1, 2, 10), [BOXES[:0]], [LABELS[:0]],
                 WEIGHTS).tolist() == [[-1, -1]]
    codes = torch.full((1, 2, 10), float('nan'))
    assert sorted(match(logits, codes, [BOXES[:1]], [LABELS[:1]], WEIGHTS)[0].tolist()) == [-1, 0]


def test_an_unknown_velocity_costs_nothing():
    unknown = BOXES.clone()
    unknown[:, 7:] = float('nan')
    logits, codes = torch.zeros(2, 3), box_to_code(BOXES[:2])
    codes[:, 8:] = torch.tensor([[50.0, 0], [-50, 0]])
    assigned = match(logits[None], codes[None], [unknown[:2]], [LABELS[:2]], WEIGHTS)
    assert assigned.tolist() == [[0, 1]]


def test_a_query_that_knows_the_class_is_cheaper():
    cost = focal_cost(torch.tensor([[5.0, -5.0], [-5.0, 5.0]]), torch.tensor([0]))
    assert cost[0] < 0 < cost[1]


# Losses -----------------------------------------------------------------------


def test_perfect_boxes_cost_nothing_and_losses_divide_by_objects(losses):
    codes = box_to_code(BOXES)[None]
    logits = torch.full((1, 3, 3), -9.0)
    logits[0, range(3), range(3)] = 9.0
    classification, boxes = losses.matched(logits, codes, [BOXES], [LABELS])
    assert classification < 1e-3 and boxes == 0
    _, boxes = losses.matched(logits, codes + 0.1, [BOXES], [LABELS])
    assert boxes.item() == pytest.approx(0.25 * 0.1 * 12, rel=1e-5)


def test_no_object_in_the_batch(losses):
    logits = torch.zeros(2, 4, 3, requires_grad=True)
    codes = torch.zeros(2, 4, 10, requires_grad=True)
    nothing = [BOXES[:0]] * 2
    classification, boxes = losses.matched(logits, codes, nothing, [LABELS[:0]] * 2)
    (classification + boxes).backward()
    assert boxes == 0 and classification.item() == pytest.approx(
        2 * 24 * 0.75 * 0.25 * -torch.tensor(0.5).log().item(), rel=1e-5)
    assert codes.grad.eq(0).all() and logits.grad.isfinite().all()


def test_unknown_velocities_do_not_teach(losses):
    unknown = BOXES.clone()
    unknown[0, 7:] = float('nan')
    codes = box_to_code(BOXES)[None].clone().requires_grad_()
    logits = torch.zeros(1, 3, 3)
    logits[0, range(3), range(3)] = 9.0
    _, boxes = losses.matched(logits, codes + 0.1, [unknown], [LABELS])
    boxes.backward()
    assert boxes.isfinite() and codes.grad[0, 0, 8:].eq(0).all()
    assert codes.grad[0, 0, :8].ne(0).all() and codes.grad[0, 1, 8:].ne(0).all()


# Denoising --------------------------------------------------------------------


def test_noise_shifts_at_most_a_quarter_of_the_box_and_replaces_half_the_labels():
    torch.manual_seed(0)
    boxes, labels = [BOXES.repeat(50, 1)], [LABELS.repeat(50)]
    noisy = noisy_queries(boxes, labels, draw_noise(150, 4, 3), RANGE)
    assert noisy.query.shape == (1, 600, 10) and noisy.filled.all()
    meters = noisy.query[0, :, :3] * torch.tensor([102.4, 102.4, 8]) + torch.tensor(RANGE[:3])
    shift = (meters - noisy.target_box[0, :, :3]).abs() / noisy.target_box[0, :, 3:6]
    assert shift.max() <= 0.25 + 1e-4 and shift.max() > 0.24
    changed = (noisy.label != noisy.target_label).float().mean().item()
    assert changed == pytest.approx(0.5 * 2 / 3, abs=0.06)  # a third is replaced by itself
    assert noisy.target_label.equal(LABELS.repeat(200)[None])


def test_slots_by_hand():
    noise = draw_noise(3, 2, 3)._replace(replace=torch.zeros(2, 3, dtype=torch.bool))
    noisy = noisy_queries([BOXES[:2], BOXES[2:]], [LABELS[:2], LABELS[2:]], noise, RANGE)
    assert noisy.label.tolist() == [[0, 1, 0, 1], [2, 0, 2, 0]]
    assert noisy.filled.tolist() == [[True] * 4, [True, False, True, False]]
    assert noisy.query[1, 1].eq(0).all()
    hidden = denoising_attn_mask(noisy, 1)
    visible = [[1, 1, 0, 0, 1], [1, 1, 0, 0, 1], [0, 0, 1, 1, 1], [0, 0, 1, 1, 1],
               [0, 0, 0, 0, 1]]
    assert (~hidden[0]).int().tolist() == visible
    assert (~hidden[1]).int().tolist() == [
        [1, 0, 0, 0, 1], [1, 1, 0, 0, 1], [0, 0, 1, 0, 1], [0, 0, 1, 1, 1], [0, 0, 0, 0, 1]]
    published = denoising_attn_mask(noisy, 1, published_attend_empty_slots=True)
    assert (~published).int().tolist() == visible


def test_no_object_no_denoising_query():
    noisy = noisy_queries([BOXES[:0]], [LABELS[:0]], draw_noise(0, 10, 3), RANGE)
    assert noisy.query.shape == (1, 0, 10)
    assert denoising_attn_mask(noisy, 4).shape == (1, 4, 4)


# Head -------------------------------------------------------------------------


def test_queries_start_on_a_grid():
    boxes = grid_of_queries(9)
    assert boxes[:, 0].tolist() == pytest.approx([1 / 6] * 3 + [0.5] * 3 + [5 / 6] * 3)
    assert boxes[:3, 1].tolist() == pytest.approx([1 / 6, 0.5, 5 / 6])
    assert boxes[:, [2, 8, 9]].eq(0).all() and boxes[:, 5].eq(1.5).all()


def test_wrong_sizes_are_named(build_detector):
    with pytest.raises(ConfigError, match='square number, not 8'):
        SparseBEVHead(3, 8, RANGE)
    head = build_detector().bbox_head
    from sparse3d.structures.cameras import Cameras
    from sparsebev.views import Views
    views = Views(Cameras.of_matrices(torch.zeros(1, 6, 4, 4), (32, 64)), torch.zeros(1, 3))
    with pytest.raises(ConfigError, match='2 levels and 2 frames and got 2 and 3'):
        head([torch.zeros(1, 6, 32, 8, 16), torch.zeros(1, 6, 32, 4, 8)], views)
