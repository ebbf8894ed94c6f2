"""Stored outputs of the published Sparse4D."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

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
    """Function that builds a detector of a few thousand weights, drawn."""
    return small_detector


@pytest.fixture
def drive():
    """Function that makes frames of a moving car with cameras to the front and to the back."""
    return drawn_drive
