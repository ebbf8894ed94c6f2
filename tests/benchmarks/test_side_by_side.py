"""Two ways take turns, and the largest lines of ours are named."""
from __future__ import annotations

import pytest
import torch

from sparse3d.ops.linear import linear
from sparse3d_benchmarks.side_by_side import SideBySide, by_pytorch, in_turn, top_lines

pytestmark = pytest.mark.fast


def comparison(**options):
    weight = torch.randn(64, 64, requires_grad=True)
    values = torch.randn(2000, 64)

    def slowly():
        return torch.stack([row @ weight for row in values])

    return weight, SideBySide('product', lambda: values @ weight, slowly, [weight], 'drawn',
                              **options)


def test_a_row_for_each_direction_with_ratio_and_lines():
    weight, both = comparison()
    rows = both.rows(1)
    assert [row['name'] for row in rows] == ['product, forward', 'product, forward and backward']
    for row in rows:
        assert row['ratio'] == pytest.approx(row['baseline'] / row['value']) and row['ratio'] > 1
        assert row['original'] and 'mm' in row['note'].rpartition('most: ')[2]
        assert float(row['note'].partition('relative difference ')[2].split(';')[0]) < 1e-4
    assert weight.grad is None


def test_without_backward_there_is_one_row():
    assert [row['name'] for row in comparison(backward=False)[1].rows(1)] == ['product, forward']


def test_ways_take_turns():
    calls = []
    in_turn([lambda: calls.append('a'), lambda: calls.append('b')], 2)
    assert calls == ['a', 'b'] * 3


def test_shares_of_all_lines_are_a_whole():
    lines = top_lines(lambda: torch.randn(200, 200) @ torch.randn(200, 200), 100)
    assert sum(share for _, share in lines) == pytest.approx(1)
    assert sorted(lines, key=lambda line: -line[1]) == lines


def test_linear_layers_of_the_original_are_pytorchs():
    values, weight = torch.randn(300, 200), torch.randn(256, 200)
    lines = top_lines(by_pytorch(lambda: linear(values, weight)), 100)
    assert 'aten::linear' in dict(lines) and not any('mkldnn' in name for name, _ in lines)
