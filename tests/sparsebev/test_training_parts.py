"""Matching, losses and denoising: by hand, and what must not depend on what."""
from __future__ import annotations

import itertools

import pytest
import torch

from sparse3d.errors import ConfigError
from sparse3d.models.query.box_code import box_to_code
from sparse3d.models.query.hungarian_matching import focal_cost
from sparse3d.models.query.query_denoising import denoising_attn_mask, draw_noise, noisy_queries
from sparse3d.structures.cameras import Cameras
from sparsebev.detection_losses import FOCAL_LOSS, L1_LOSS, DetectionLosses
from sparsebev.head import SparseBEVHead, grid_of_queries
from sparsebev.hungarian_matching import match
from sparsebev.views import Views

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


@pytest.mark.parametrize(('meters', 'chosen'), [(2.0, 0), (3.0, 1)])
def test_weights_of_class_and_box_in_the_cost_are_the_released_ones(meters, chosen):
    """Logits of 1 and -1 are 1.36 apart in a cost of weight 2, meters along x 0.5 each."""
    logits = torch.tensor([[1.0, -9, -9], [-1, -9, -9]])
    codes = box_to_code(BOXES[:1]).repeat(2, 1)
    codes[0, 0] += meters
    expected = [-1, -1]
    expected[chosen] = 0
    assigned, = match(logits[None], codes[None], [BOXES[:1]], [LABELS[:1]], WEIGHTS)
    assert assigned.tolist() == expected


def test_code_weights_count_in_the_cost():
    codes = box_to_code(BOXES[:1]).repeat(2, 1)
    codes[0, 0] += 2.0   # weight 2
    codes[1, 4] += 3.0   # weight 1
    assert match(torch.zeros(1, 2, 3), codes[None], [BOXES[:1]], [LABELS[:1]],
                 WEIGHTS).tolist() == [[-1, 0]]


def test_matching_without_objects_and_with_unusable_costs():
    logits = torch.zeros(1, 2, 3)
    assert match(logits, torch.zeros(1, 2, 10), [BOXES[:0]], [LABELS[:0]],
                 WEIGHTS).tolist() == [[-1, -1]]
    codes = torch.full((1, 2, 10), float('nan'))
    assert sorted(match(logits, codes, [BOXES[:1]], [LABELS[:1]], WEIGHTS)[0].tolist()) == [-1, 0]


@pytest.mark.parametrize('bad', [0, 1])
def test_a_query_that_is_not_a_number_is_never_preferred(bad):
    codes = box_to_code(BOXES[:1]).repeat(2, 1) + 3.0  # 3 m and more beside the object
    codes[bad] = float('nan')
    expected = [-1, -1]
    expected[1 - bad] = 0
    assert match(torch.zeros(1, 2, 3), codes[None], [BOXES[:1]], [LABELS[:1]],
                 WEIGHTS).tolist() == [expected]


def test_an_object_without_a_size_disturbs_the_matches_of_no_other():
    flat = BOXES.clone()
    flat[1, 3] = 0
    codes = box_to_code(BOXES)[[2, 0, 1]] + 0.1
    assert match(torch.zeros(1, 3, 3), codes[None], [flat], [LABELS],
                 WEIGHTS).tolist() == [[2, 0, 1]]


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


@pytest.mark.parametrize('side', [3, 4, 5])
def test_an_object_without_a_size_adds_nothing_to_the_box_loss(losses, side):
    flat = BOXES.clone()
    flat[1, side] = 0
    logits = torch.zeros(1, 3, 3)
    logits[0, range(3), range(3)] = 9.0
    _, boxes = losses.matched(logits, box_to_code(BOXES)[None] + 0.1, [flat], [LABELS])
    assert boxes.item() == pytest.approx(0.25 * 0.1 * 12 * 2 / 3, rel=1e-4)


def test_predictions_that_are_no_numbers_give_a_loss_that_is_one(losses):
    nothing = torch.full((1, 3, 3), float('nan')), torch.full((1, 3, 10), float('nan'))
    assert all(loss.isfinite() for loss in losses.matched(*nothing, [BOXES], [LABELS]))


# Denoising --------------------------------------------------------------------


@pytest.mark.parametrize(('replaced', 'expected'), [(0.0, 0.0), (1.0, 1.0), (0.2, 0.2)])
def test_the_share_of_replaced_labels(replaced, expected):
    torch.manual_seed(0)
    noise = draw_noise(500, 8, 3, replaced)
    assert noise.replace.float().mean().item() == pytest.approx(expected, abs=0.03)
    assert noise.shift.shape == (8, 500, 3) and noise.label.shape == (8, 500)
    assert noise.shift.min() < -0.99 and noise.shift.max() > 0.99


def test_replaced_labels_are_those_of_the_noise():
    noise = draw_noise(3, 2, 3)._replace(label=torch.tensor([[2, 2, 0], [1, 0, 1]]),
                                         replace=torch.tensor([[1, 0, 1], [0, 1, 0]]).bool())
    noisy = noisy_queries([BOXES], [LABELS], noise, RANGE)
    assert noisy.label.tolist() == [[2, 1, 0, 0, 0, 2]]


def test_labels_of_fewer_bits_are_counted_in_int64():
    noisy = noisy_queries([BOXES], [LABELS.int()], draw_noise(3, 2, 3), RANGE)
    assert noisy.label.dtype == noisy.target_label.dtype == torch.int64


def test_a_noisy_center_stays_in_the_range():
    noise = draw_noise(1, 1, 3)._replace(shift=torch.ones(1, 1, 3))
    at_the_edge = torch.tensor([[51.0, -51.2, 2.9, 4, 2, 2, 0, 0, 0]])
    query = noisy_queries([at_the_edge], [LABELS[:1]], noise, RANGE).query[0, 0]
    assert query[:3].tolist() == pytest.approx([1, 0.5 / 102.4, 1], abs=1e-6)


def test_an_unknown_velocity_is_zero_in_the_query_and_does_not_teach(losses):
    unknown = BOXES.clone()
    unknown[1, 7:] = float('nan')
    noisy = noisy_queries([unknown], [LABELS], draw_noise(3, 2, 3), RANGE)
    assert noisy.query.isfinite().all()
    assert noisy.query[0, :, 8:].tolist() == [[0, 0], [0, 0], [0, 1]] * 2
    codes = box_to_code(noisy.target_box).nan_to_num() + 0.1
    classification, boxes = losses.denoised(torch.zeros(1, 6, 3), codes, noisy)
    assert classification.isfinite()
    assert boxes.item() == pytest.approx(0.25 * 0.1 * (3 * 12 - 2) / 3, rel=1e-4)


def test_slots_that_a_sample_does_not_fill_teach_nothing(losses):
    noisy = noisy_queries([BOXES[:2], BOXES[2:]], [LABELS[:2], LABELS[2:]], draw_noise(3, 2, 3),
                          RANGE)
    logits, codes = torch.randn(2, 4, 3), torch.randn(2, 4, 10)
    expected = losses.denoised(logits, codes, noisy)
    logits[~noisy.filled], codes[~noisy.filled] = 5.0, 50.0
    assert losses.denoised(logits, codes, noisy) == expected


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


def test_detections_may_lie_ten_meters_beyond_the_range_as_released():
    head = SparseBEVHead(3, 9, RANGE, decoder=dict(channels=32, num_frames=1, num_levels=1))
    assert head.limits == pytest.approx((-61.2, -61.2, -10.0, 61.2, 61.2, 10.0))


def test_queries_of_empty_slots_start_with_nothing():
    head = SparseBEVHead(3, 4, RANGE, decoder=dict(channels=32, num_frames=1, num_levels=1))
    noisy = noisy_queries([BOXES[:2], BOXES[2:]], [LABELS[:2], LABELS[2:]], draw_noise(3, 1, 3),
                          RANGE)
    _, features, _ = head._first_queries(2, noisy)
    assert features[1, 1].eq(0).all()                 # a slot that the second sample lacks
    assert features[0, 1, -1] == features[1, 0, -1] == 1   # a filled one says what it is
    assert features[:, 2:, -1].eq(0).all()            # those that are matched do not


def test_features_that_are_no_numbers_give_losses_that_are(build_detector):
    head = build_detector().bbox_head.train()
    views = Views(Cameras.of_matrices(torch.eye(4).expand(1, 12, 4, 4), (32, 64)),
                  torch.zeros(1, 2))
    nothing = [torch.full((1, 12, 32, *size), float('nan')) for size in ((8, 16), (4, 8))]
    outputs = head(nothing, views)
    assert all(value.isfinite().all() for value in outputs.values())
    losses = head.losses_of(outputs, [BOXES], [LABELS.clamp(max=head.num_classes - 1)])
    assert all(loss.isfinite() for loss in losses.values())


def test_wrong_sizes_are_named(build_detector):
    with pytest.raises(ConfigError, match='square number, not 8'):
        SparseBEVHead(3, 8, RANGE)
    head = build_detector().bbox_head
    views = Views(Cameras.of_matrices(torch.zeros(1, 6, 4, 4), (32, 64)), torch.zeros(1, 3))
    with pytest.raises(ConfigError, match='2 levels and 2 frames and got 2 and 3'):
        head([torch.zeros(1, 6, 32, 8, 16), torch.zeros(1, 6, 32, 4, 8)], views)
