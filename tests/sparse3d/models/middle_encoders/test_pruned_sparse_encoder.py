"""The pruned encoder under mmdet3d's own detectors: an argument, and mmdet3d's weights."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.models.middle_encoders import SparseEncoder
from mmdet3d.registry import MODELS

import sparse3d.register  # noqa: F401
from sparse3d.errors import ConfigError

SIZES = dict(in_channels=4, sparse_shape=[9, 16, 16], encoder_channels=((16,), (32, 32)),
             encoder_paddings=((1,), (1, 1)), output_channels=8)


def test_weights_of_mmdet3ds_encoder_fit():
    encoder = MODELS.build(dict(type='PrunedSparseEncoder', **SIZES,
                                pruning=dict(submanifold_keep_ratio=0.3)))
    encoder.load_state_dict(SparseEncoder(**SIZES).state_dict())
    cells = torch.tensor([[0, 1, 2, 3], [0, 1, 2, 4]], dtype=torch.int32)
    assert encoder.eval()(torch.rand(2, 4), cells, 1).shape == (1, 16, 8, 8)


def test_unknown_options_are_refused():
    with pytest.raises(ConfigError, match="pruning of PrunedSparseEncoder has no 'keep_ratio'"):
        MODELS.build(dict(type='PrunedSparseEncoder', **SIZES, pruning=dict(keep_ratio=0.3)))
