"""Two processes on torch.distributed train what one process trains."""
from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sparse3d.apis import test, train

ROOT = Path(__file__).resolve().parents[2]


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def in_two_processes(script, *arguments):
    environment = {**os.environ, 'PORT': str(free_port()), 'OMP_NUM_THREADS': '1',
                   'CUDA_VISIBLE_DEVICES': '-1', 'PYTHON': sys.executable}
    done = subprocess.run(['bash', f'tools/{script}', *map(str, arguments)], cwd=ROOT,
                          env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_two_processes_train_and_test_as_one(tiny_config, tmp_path):
    """The same eight frames in batches of four, or of two in each of two processes."""
    printed = in_two_processes('dist_train.sh', tiny_config, 2, '--work-dir', tmp_path / 'two',
                               '--cfg-options', 'train_dataloader.batch_size=2')
    assert printed.count('trained 4 epochs') == 1
    one = train(tiny_config, tmp_path / 'one')
    alone, together = (torch.load(path, map_location='cpu')['state_dict']
                       for path in (one.checkpoint, tmp_path / 'two' / 'epoch_4.pth'))
    for name, value in alone.items():
        torch.testing.assert_close(together[name], value, rtol=1e-5, atol=1e-6, msg=name)
    started = torch.load(tmp_path / 'one' / 'epoch_2.pth')['state_dict']
    assert any((started[name] - alone[name]).abs().max() > 1e-4 for name in alone)  # they moved

    scores = tmp_path / 'scores.json'
    in_two_processes('dist_test.sh', tiny_config, one.checkpoint, 2, '--work-dir',
                     tmp_path / 'two', '--out', scores)
    metrics = test(tiny_config, one.checkpoint, tmp_path / 'one')
    assert json.loads(scores.read_text())['metrics']['distance'] == pytest.approx(
        metrics['distance'], rel=1e-5)


@pytest.mark.slow
def test_the_gradient_of_two_halves_is_that_of_the_whole(tiny_config, tmp_path):
    """Adam's memory after one step is a tenth of the gradient."""
    one_step = {'train_cfg.max_epochs': 1, 'optim_wrapper.clip_grad': None}
    in_two_processes('dist_train.sh', tiny_config, 2, '--work-dir', tmp_path / 'two',
                     '--batch-size', 4, '--cfg-options',
                     *(f'{key}={value}' for key, value in one_step.items()))
    one = train(tiny_config, tmp_path / 'one', one_step, batch_size=8)
    whole, halves = (torch.load(path, map_location='cpu')['optimizer']['state']
                     for path in (one.checkpoint, tmp_path / 'two' / 'epoch_1.pth'))
    assert len(whole) == 4 and all(entry['step'] == 1 for entry in (*whole.values(),
                                                                  *halves.values()))
    for number, entry in whole.items():
        torch.testing.assert_close(halves[number]['exp_avg'], entry['exp_avg'], rtol=1e-6,
                                   atol=1e-6 * entry['exp_avg'].abs().max().item())
