"""Pooling along z: tables by hand, attention against torch's module over the voxels alone."""
from __future__ import annotations

import pytest
import torch

from dsvt.attention_pooling import AttentionPooling, pooling_table, slot_cells

COLUMN = torch.tensor([[0, 5, 2, 1], [0, 4, 2, 1], [0, 0, 2, 1], [1, 7, 0, 0]])  # sample, z, y, x


def test_table_by_hand():
    table = pooling_table(COLUMN, (1, 1, 4), (3, 3, 2))
    assert table.coordinates.tolist() == [[0, 0, 2, 1], [0, 1, 2, 1], [1, 1, 0, 0]]
    assert table.pooled.tolist() == [1, 1, 0, 2]
    assert table.slot.tolist() == [1, 0, 0, 3]
    cell, filled = slot_cells(table)
    assert cell.tolist() == [5, 4, 0, 11]
    assert filled.int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize('published', [False, True])
def test_agrees_with_attention_region_by_region(published):
    table = pooling_table(COLUMN, (1, 1, 4), (3, 3, 2))
    pooling = AttentionPooling(8, 4, 2, published).eval()
    features = torch.randn(4, 8)
    found = pooling(features, *slot_cells(table))
    for region in range(3):
        rows = (table.pooled == region).nonzero().squeeze(1)
        slots = table.slot[rows]
        voxels = features[rows]
        if published:
            voxels = torch.zeros(4, 8).index_copy(0, slots, voxels)
            slots = torch.arange(4)
        query = voxels.amax(0, keepdim=True)
        keys = voxels + pooling.pos_embedding[slots]
        mixed = pooling.self_attn(query, keys, voxels, need_weights=False)[0]
        torch.testing.assert_close(found[region], pooling.norm(mixed + query)[0])


def test_gradients():
    table = pooling_table(COLUMN, (1, 1, 4), (3, 3, 2))
    pooling = AttentionPooling(4, 4, 2).double()
    features = torch.randn(4, 4, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda values: pooling(values, *slot_cells(table)), features)


def test_nothing():
    table = pooling_table(COLUMN[:0], (1, 1, 4), (3, 3, 2))
    assert AttentionPooling(4, 4, 2)(torch.zeros(0, 4), *slot_cells(table)).shape == (0, 4)
