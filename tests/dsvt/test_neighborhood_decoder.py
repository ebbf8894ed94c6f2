"""Queries see the square of cells around them, and each other."""
from __future__ import annotations

import pytest
import torch

from dsvt import NeighborhoodDecoderLayer
from sparse3d.errors import ConfigError


def layer(**settings) -> NeighborhoodDecoderLayer:
    return NeighborhoodDecoderLayer(
        8, num_heads=2, feedforward_channels=16, radius=2, **settings
    ).eval()


def inputs(height=7, width=9):
    positions = torch.tensor([[[0.5, 0.5], [4.5, 3.5], [8.5, 6.5]]])
    return torch.randn(1, 3, 8), positions, torch.randn(1, 8, height, width)


def influence(module, query: int) -> torch.Tensor:
    """Cells of the map that change a query: [H, W] bool."""
    queries, positions, bev = inputs()
    bev.requires_grad_()
    module(queries, positions, bev)[0, query].pow(3).sum().backward()
    return bev.grad[0].abs().sum(0) > 0


def test_a_query_sees_the_square_around_it():
    for query, (rows, columns) in enumerate([(range(3), range(3)), (range(1, 6), range(2, 7)),
                                             (range(4, 7), range(6, 9))]):
        expected = torch.zeros(7, 9, dtype=torch.bool)
        for row in rows:
            expected[row, list(columns)] = True
        assert torch.equal(influence(layer(), query), expected)


def test_published_squares_continue_in_the_next_column():
    # Query 0 at x 0, y 0: rows -2 and -1 of a column are the last rows of the column before.
    seen = influence(layer(published=dict(wrapping=True)), 0)
    assert seen[:3, :3].all()
    assert seen[5:, 0].all()       # of columns 1 and 2, one column further left
    assert seen[5:, 1].all()
    assert not seen[5:, 2].any()
    assert seen.sum() == 9 + 4


@pytest.mark.parametrize('alone', [False, True])
def test_queries_see_each_other_unless_published(alone):
    module = layer(published=dict(lone_queries=alone))
    queries, positions, bev = inputs()
    before = module(queries, positions, bev)
    changed = queries.clone()
    changed[0, 1] += 1
    moved = (module(changed, positions, bev) - before).abs().amax(2)[0] > 0
    assert moved.tolist() == [not alone, True, not alone]


def test_wrapping_on_a_small_map_is_refused():
    queries, positions, bev = inputs()
    with pytest.raises(ConfigError, match='published.wrapping needs a map of more than 5 rows'):
        layer(published=dict(wrapping=True))(queries, positions, bev[:, :, :5])


def test_dropout_of_all_three_parts_acts_in_training_alone():
    """Of everything: three normalizations of the queries are left."""
    module = layer(dropout=1.0)
    queries, positions, bev = inputs()
    expected = queries
    for part in (module.self_attention, module.cross_attention, module.feed_forward):
        expected = part.norm(expected)
    assert torch.equal(module.train()(queries, positions, bev), expected)
    assert not torch.allclose(module.eval()(queries, positions, bev), expected)
