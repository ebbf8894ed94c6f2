"""A real mmengine run saved, read back and resumed; a hostile file refused."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmengine.runner.checkpoint import CheckpointLoader, load_checkpoint
from torch import nn
from torch.utils.data import Dataset

import sparse3d  # noqa: F401  (repairs)
from sparse3d.errors import CheckpointError

WITHOUT_REPAIR = '''
import sys, torch, mmengine.logging
try:
    torch.load(sys.argv[1])
except Exception as error:
    print(type(error).__name__)
'''


class Line(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, *values, mode='tensor'):
        return {'loss': (self.layer(torch.stack(values)) - 1).square().mean()}


class Numbers(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return torch.tensor([index, 1.0])


def run(folder: Path, epochs: int, name: str, resume: bool = False) -> nn.Module:
    """Train for some epochs of a schedule that depends on every restored state."""
    torch.manual_seed(0)
    runner = Runner(
        Line(), str(folder), resume=resume, experiment_name=name, log_level='ERROR',
        train_dataloader={'batch_size': 2, 'dataset': Numbers(), 'num_workers': 0,
                          'sampler': {'type': 'DefaultSampler', 'shuffle': False}},
        train_cfg={'by_epoch': True, 'max_epochs': epochs},
        optim_wrapper={'optimizer': {'type': 'AdamW', 'lr': 0.1}},
        param_scheduler=[{'type': 'LinearLR', 'start_factor': 0.1, 'begin': 0, 'end': 12,
                          'by_epoch': False}],
        default_hooks={'checkpoint': {'type': 'CheckpointHook', 'interval': 1},
                       'logger': {'type': 'LoggerHook', 'interval': 1}},
        custom_hooks=[{'type': 'EMAHook'}], default_scope='mmengine', randomness={'seed': 0})
    runner.train()
    return runner.model


@pytest.fixture(autouse=True)
def _scope():
    yield
    DefaultScope._instance_dict.clear()


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp('run')
    run(folder, 1, 'first')
    return folder / 'epoch_1.pth'


def test_resumed_training_ends_where_uninterrupted_training_ends(trained, tmp_path):
    expected = run(tmp_path, 3, 'whole')
    resumed = run(trained.parent, 3, 'resumed', resume=True)
    for left, right in zip(expected.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(left, right)


def test_own_checkpoint_is_read_with_its_history(trained):
    state = CheckpointLoader.load_checkpoint(str(trained), map_location='cpu')
    history = state['message_hub']['log_scalars']['train/loss']
    assert isinstance(history, HistoryBuffer) and history.data[0].shape == (4,)
    load_checkpoint(Line(), str(trained))


def test_upstream_refuses_its_own_checkpoint(trained):
    result = subprocess.run([sys.executable, '-c', WITHOUT_REPAIR, str(trained)],
                            capture_output=True, text=True, check=True)
    assert result.stdout.strip() == 'UnpicklingError'


def test_numpy_scalars_and_arrays_are_read(tmp_path):
    path = tmp_path / 'meta.pth'
    meta = {'score': np.float64(0.5), 'epoch': np.int64(3), 'palette': np.eye(2, dtype=np.uint8),
            'flag': np.bool_(True)}
    torch.save({'meta': meta, 'state_dict': {}}, path)
    loaded = CheckpointLoader.load_checkpoint(str(path))['meta']
    assert loaded['score'] == 0.5 and loaded['epoch'] == 3 and loaded['flag']
    assert np.array_equal(loaded['palette'], meta['palette'])


class Hostile:
    def __init__(self, touched):
        self.touched = touched

    def __reduce__(self):
        return os.mkdir, (str(self.touched),)


def test_a_hostile_checkpoint_is_refused_by_name_and_does_nothing(tmp_path):
    path = tmp_path / 'hostile.pth'
    torch.save({'state_dict': {}, 'meta': Hostile(tmp_path / 'touched')}, path)
    with pytest.raises(CheckpointError, match=r'hostile.pth is refused: .*posix.mkdir') as caught:
        CheckpointLoader.load_checkpoint(str(path))
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / 'touched').exists()


class Doorway:
    """Asks for an attribute, the way HistoryBuffer's statistics are stored, of anything else."""

    def __init__(self, owner, name):
        self.door = owner, name

    def __reduce__(self):
        return getattr, self.door


@pytest.mark.parametrize('door', [(np.ndarray, 'tofile'), (HistoryBuffer, '__init__'),
                                  (HistoryBuffer, '__reduce_ex__')])
def test_getattr_opens_no_door(tmp_path, door):
    path = tmp_path / 'door.pth'
    torch.save({'meta': Doorway(*door)}, path)
    with pytest.raises(CheckpointError, match='door.pth is refused: .*GLOBAL getattr'):
        CheckpointLoader.load_checkpoint(str(path))


@pytest.mark.parametrize('content', [b'', b'no checkpoint at all', b'PK\x03\x04 cut off'])
def test_a_damaged_checkpoint_is_named(tmp_path, content):
    path = tmp_path / 'damaged.pth'
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match='damaged.pth') as caught:
        CheckpointLoader.load_checkpoint(str(path))
    assert len(str(caught.value).splitlines()) == 1
