"""Queries attend to active cells; what the release does is an option."""
from __future__ import annotations

import pytest
import torch
from spconv.pytorch import SparseConvTensor

from safdnet import SparseTransFusionHead
from sparse3d.errors import ConfigError

MAP = dict(point_cloud_range=[0, 0, -1, 8, 6, 1], voxel_size=[1.0, 1, 2], stride=1)


def head(**published):
    torch.manual_seed(0)
    module = SparseTransFusionHead(
        4, 2, MAP, dict(channels=8, num_queries=5),
        [dict(type='MapDecoderLayer', num_heads=2, feedforward_channels=8)], published=published)
    module.init_weights()
    return module.eval()


def cells(full=False):
    where = torch.ones(1, 6, 8) if full else torch.zeros(1, 6, 8)
    where[0, 1:3, 2:4] = 1
    coordinates = where.nonzero().int()
    torch.manual_seed(1)
    return SparseConvTensor(torch.randn(len(coordinates), 4), coordinates, [6, 8], 1)


def test_a_full_sample_is_lost_only_as_published():
    assert head()(cells(True)).queries.isfinite().all()
    published = head(inverted_mask=True)
    output = published(cells(True))
    assert output.queries.isnan().all()
    assert len(published.predict_of(output)[0].scores_3d) == 0
    assert published(cells()).queries.isfinite().all()


def test_masks_differ_and_empty_samples_are_normal():
    given = [head()(cells()), head(inverted_mask=True)(cells()), head(unmasked=True)(cells())]
    for number, one in enumerate(given):
        for other in given[number + 1:]:
            assert not torch.allclose(one.queries, other.queries, atol=1e-4)
    empty = SparseConvTensor(torch.zeros(0, 4), torch.zeros(0, 3, dtype=torch.int32), [6, 8], 1)
    assert head()(empty).queries.isfinite().all()


def test_two_releases_at_once_are_refused():
    with pytest.raises(ConfigError, match='two releases'):
        head(inverted_mask=True, unmasked=True)
