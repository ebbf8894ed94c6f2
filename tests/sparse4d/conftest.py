"""Stored outputs of the published Sparse4D."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope

import sparse4d.register  # noqa: F401
from sparse4d_small import drawn_drive, small_detector


def _arrays(folder: Path, *names: str) -> dict[str, torch.Tensor]:
    found = {}
    for name in names:
        with np.load(folder / f'{name}.npz') as stored:
            for key in stored:
                array = np.array(stored[key])
                found[key] = torch.from_numpy(array.astype(np.int64) if array.dtype == np.int16
                                              else array)
    return found


@pytest.fixture(scope='session')
def stored(golden_dir) -> Path:
    """Folder of the stored outputs."""
    return golden_dir / 'sparse4d'


@pytest.fixture(scope='session')
def stored_operators(stored) -> dict[str, torch.Tensor]:
    """Part 3: operators, targets, losses."""
    return _arrays(stored, 'ops_inputs', 'ops_outputs')


@pytest.fixture(scope='session')
def stored_training(stored) -> dict[str, torch.Tensor]:
    """Part 2: three training frames."""
    return _arrays(stored, 'train_inputs', 'train_outputs')


@pytest.fixture(scope='session')
def stored_losses(stored) -> dict[str, torch.Tensor]:
    """Part 2: losses and norms of gradients."""
    return _arrays(stored, 'loss')


@pytest.fixture(scope='session')
def stored_data(stored) -> dict[str, torch.Tensor]:
    """Part 5: samples."""
    return _arrays(stored, 'data_inputs', 'data_outputs')


@pytest.fixture(scope='session')
def raw_data(stored) -> dict[str, torch.Tensor]:
    """Part 5: what the samples are made of; names as in :func:`stored_data`."""
    return _arrays(stored, 'data_inputs')


@pytest.fixture(scope='session')
def data_facts(stored) -> dict:
    """Part 5: draws, order of samples, submissions."""
    return json.loads((stored / 'data_facts.json').read_text())


@pytest.fixture
def build_detector():
    """Function that builds a detector of some ten thousand weights."""
    init_default_scope('mmdet3d')

    def build(dropout: float = 0.1, **options):
        torch.manual_seed(0)
        config = dict(
            type='Sparse4D',
            backbone=dict(type='mmdet.ResNet', depth=18, base_channels=8, num_stages=2,
                          strides=(1, 2), dilations=(1, 1), out_indices=(0, 1)),
            neck=dict(type='mmdet.FPN', in_channels=[8, 16], out_channels=32, num_outs=2),
            depth_branch=dict(type='DepthBranch', channels=32, num_levels=2),
            bbox_head=dict(
                type='Sparse4DHead', num_classes=3, bank=dict(num_anchors=20, num_temporal=10),
                decoder=dict(channels=32, num_layers=2, num_levels=2, num_groups=2, num_heads=2,
                             learned_points=2, feedforward_channels=32, dropout=dropout,
                             weights_dropout=dropout)),
            training=dict(type='Sparse4DTraining', num_classes=3,
                          denoising=dict(num_groups=2, num_temporal_groups=1)))
        model = MODELS.build({**config, **options})
        model.init_weights()
        return model

    return build


@pytest.fixture
def recurrent_detector():
    """Function that builds a detector of a few thousand weights, drawn."""
    return small_detector


@pytest.fixture
def drive():
    """Function that makes frames of a moving car with cameras to the front and to the back."""
    return drawn_drive
