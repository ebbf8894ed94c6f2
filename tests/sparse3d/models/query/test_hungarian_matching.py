"""The cheapest pairs against all permutations; costs that are not numbers; the focal cost."""
from __future__ import annotations

from itertools import permutations
from math import log

import pytest
import torch

from sparse3d.models.query.hungarian_matching import cheapest_pairs, focal_cost


def test_the_pairs_cost_least_of_all():
    random = torch.Generator().manual_seed(0)
    for _ in range(5):
        cost = torch.randn(5, 3, generator=random)
        best = min(permutations(range(5), 3),
                   key=lambda rows: sum(cost[row, column].item()
                                        for column, row in enumerate(rows)))
        (rows, columns), other = cheapest_pairs([cost, cost[:2]], 100.0)
        assert other[0].tolist() == [0, 1] and len(other[1]) == 2
        assert dict(zip(columns.tolist(), rows.tolist(), strict=True)) == dict(enumerate(best))
        assert rows.tolist() == sorted(rows.tolist())


def test_what_is_not_a_number_costs_as_told():
    cost = torch.tensor([[float('nan'), 5.0], [1.0, float('inf')]])
    assert cheapest_pairs([cost], 100.0)[0][1].tolist() == [1, 0]
    assert cheapest_pairs([cost], -100.0)[0][1].tolist() == [0, 1]
    assert [[len(part) for part in pair] for pair in cheapest_pairs([cost[:, :0], cost], 1.0)] \
        == [[0, 0], [2, 2]]
    assert cheapest_pairs([], 1.0) == []


def test_a_query_that_knows_the_class_is_cheaper():
    cost = focal_cost(torch.tensor([[5.0, -5.0], [-5.0, 5.0]]), torch.tensor([0]))
    assert cost[0] < 0 < cost[1]
    # -0.25 * 0.5 ** 2 * log(0.5) for, -0.75 * 0.5 ** 2 * log(0.5) against.
    half = focal_cost(torch.zeros(1, 1), torch.tensor([0])).item()
    assert half == pytest.approx((0.25 - 0.75) * 0.25 * log(2))
