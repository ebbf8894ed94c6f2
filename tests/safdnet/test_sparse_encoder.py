"""Encoders: what does not fit is refused, features above each other are added up."""
from __future__ import annotations

import pytest
import torch
from spconv.pytorch import SparseConvTensor

from safdnet import HEDNetEncoder, SAFDNetEncoder
from safdnet.sparse_encoder import flattened
from sparse3d.errors import ConfigError

SMALL = dict(stem_channels=(4, 4, 8), stem_blocks=(1, 1, 1), blocks=(1, 1), out_channels=6)


@pytest.mark.parametrize('settings', [
    dict(stem_channels=(4, 8)), dict(sparse_shape=[1, 64, 64]),
    dict(stem_channels=(), stem_blocks=())])
def test_a_stem_that_does_not_go_with_the_grid(settings):
    with pytest.raises(ConfigError, match='voxels have one entry of each for a stage'):
        SAFDNetEncoder(5, **{'sparse_shape': [41, 64, 64], **SMALL, **settings})


def test_features_above_each_other_are_added_up():
    indices = torch.tensor([[1, 0, 2, 3], [0, 1, 2, 3], [1, 4, 2, 3]], dtype=torch.int32)
    flat = flattened(SparseConvTensor(torch.tensor([[1.], [2], [4]]), indices, [5, 6, 7], 2))
    assert flat.indices.tolist() == [[0, 2, 3], [1, 2, 3]]
    assert flat.features.tolist() == [[2], [5]]


@pytest.mark.parametrize('kind', [HEDNetEncoder, SAFDNetEncoder])
def test_samples_do_not_mix(kind):
    encoder = kind(5, [41, 48, 64], **SMALL).eval()
    coordinates = torch.cat([torch.tensor([[row % 2] for row in range(60)]),
                             torch.stack([torch.randint(extent, (60, )) for extent in (
                                 40, 48, 64)], 1)], 1).unique(dim=0)
    features = torch.randn(len(coordinates), 5)
    together = encoder(features, coordinates, 2)
    first = coordinates[:, 0] == 0
    alone = encoder(features[first], coordinates[first], 1)
    if kind is SAFDNetEncoder:
        together, alone = together.dense(), alone.dense()
    assert together.shape[2:] == (6, 8)
    torch.testing.assert_close(together[:1], alone)
