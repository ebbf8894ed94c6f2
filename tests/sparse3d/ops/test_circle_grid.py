from __future__ import annotations

import pytest
import torch

from sparse3d.ops import rotated_iou
from sparse3d.ops.circle_grid import near_pairs


def boxes_in(number, span, sizes):
    boxes = torch.rand(number, 5) * torch.tensor([span, span, 1, 1, 6.0])
    boxes[:, 2:4] = torch.rand(number, 2) * sizes
    return boxes - torch.tensor([span / 2, span / 2, 0, 0, 3])


CASES = {
    'spread': lambda: boxes_in(700, 100.0, 4.0),
    'crowded': lambda: boxes_in(500, 5.0, 4.0),
    'one huge': lambda: torch.cat([boxes_in(400, 100.0, 4.0),
                                   torch.tensor([[0, 0, 300.0, 200.0, 1.0]])]),
    'points': lambda: boxes_in(400, 1.0, 0.0),
    'all the same': lambda: torch.tensor([[1.0, 2, 3, 4, 5]]).repeat(300, 1),
    'touching': lambda: torch.stack([torch.arange(300) * 5.0, torch.zeros(300), torch.full(
        (300,), 4.0), torch.full((300,), 3.0), torch.zeros(300)], 1),
    'not a number': lambda: torch.cat([boxes_in(300, 9.0, 4.0), torch.full((2, 5), torch.nan)])}


@pytest.mark.parametrize('labeled', [False, True])
@pytest.mark.parametrize('case', CASES)
def test_the_pairs_are_those_of_the_whole_table(monkeypatch, case, labeled):
    boxes = CASES[case]()
    labels = torch.randint(-1, 3, (len(boxes),)) if labeled else None
    monkeypatch.setattr(rotated_iou, 'GRID_FROM', 0)
    found = rotated_iou.close_pairs_within(boxes, labels)
    monkeypatch.setattr(rotated_iou, 'GRID_FROM', len(boxes) + 1)
    expected = rotated_iou.close_pairs_within(boxes, labels)
    assert torch.equal(found[0], expected[0]) and torch.equal(found[1], expected[1])


def test_pairs_looked_at_grow_with_those_that_are_near():
    looked_at = []
    for number in (1000, 4000):  # of one density
        circles = torch.rand(number, 3) * torch.tensor([number ** 0.5, number ** 0.5, 1.0])
        looked_at.append(sum(len(lower) for lower, _ in near_pairs(circles, None)))
    assert looked_at[1] < 5 * looked_at[0] < 1000 ** 2 / 8


def test_extents_beyond_any_grid_are_left_to_the_table():
    circles = torch.tensor([[-1e30, 0, 1e-3], [1e30, 1e30, 1e-3], [1e30, 0, 1e-3]])
    assert near_pairs(circles, None) is None
    assert near_pairs(torch.tensor([[0.0, 0.0, torch.inf]]), None) is None
