"""A training killed at any moment and resumed ends with the weights of one that ran through."""
from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sparse3d.apis import train
from sparse3d.checkpoints.open import latest_checkpoint

ROOT = Path(__file__).resolve().parents[2]
# Everything random that a training has: order, augmentation in workers, dropout.
RANDOM = {'model.dropout': 0.5, 'train_dataloader.dataset.jitter': 1.0}


def train_and_be_killed(config, work_dir, iteration, workers):
    options = {**RANDOM, 'train_dataloader.num_workers': workers}
    program = (
        'from sparse3d.apis import train, load_config\n'
        f'config = load_config({str(config)!r}, {options!r})\n'
        f'config.custom_hooks = [dict(type="KillHook", iteration={iteration})]\n'
        f'train(config, {str(work_dir)!r})\n')
    return subprocess.run([sys.executable, '-c', program], cwd=ROOT, capture_output=True,
                          text=True)


@pytest.mark.slow
@pytest.mark.parametrize('workers, iteration', [
    (0, 5),  # in the midst of the third of four epochs
    (1, 6),  # at its end, before its checkpoint
])
def test_killed_and_resumed_equals_uninterrupted(tiny_config, tmp_path, workers, iteration):
    options = {**RANDOM, 'train_dataloader.num_workers': workers}
    killed = train_and_be_killed(tiny_config, tmp_path / 'killed', iteration, workers)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert latest_checkpoint(tmp_path / 'killed').name == 'epoch_2.pth'
    resumed = train(tiny_config, tmp_path / 'killed', options, resume='auto')
    whole = train(tiny_config, tmp_path / 'whole', options)
    first, second = (torch.load(result.checkpoint) for result in (resumed, whole))
    assert first['meta']['iter'] == second['meta']['iter'] == 8
    for name, value in second['state_dict'].items():
        assert torch.equal(first['state_dict'][name], value), name
    assert first['optimizer']['state'][0]['step'] == second['optimizer']['state'][0]['step']
    for name, value in second['optimizer']['state'][0].items():
        assert torch.equal(first['optimizer']['state'][0][name], value), name


def test_without_seeding_every_epoch_the_check_above_would_fail(tiny_config, tmp_path):
    """The trainings above are random enough for the comparison to mean something."""
    options = {**RANDOM, 'default_hooks.seed_every_epoch': None,
               'default_hooks.validate_first': None}
    whole = train(tiny_config, tmp_path / 'whole', options)
    resumed = train(tiny_config, tmp_path / 'resumed', options,
                    resume=tmp_path / 'whole' / 'epoch_2.pth')
    first, second = (torch.load(result.checkpoint)['state_dict'] for result in (whole, resumed))
    assert any(not torch.equal(first[name], second[name]) for name in first)
