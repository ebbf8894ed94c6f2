"""Two processes on torch.distributed train what one process trains, by torchrun and by Slurm."""
from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from one_machine_slurm import one_machine_slurm
from sparse3d.apis import test, train

ROOT = Path(__file__).resolve().parents[2]


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def started(script, *arguments, **variables):
    environment = {**os.environ, 'PORT': str(free_port()), 'OMP_NUM_THREADS': '1',
                   'CUDA_VISIBLE_DEVICES': '-1', 'PYTHON': sys.executable, **variables}
    return subprocess.run(['bash', f'tools/{script}', *map(str, arguments)], cwd=ROOT,
                          env=environment, capture_output=True, text=True, timeout=300)


def in_two_processes(script, *arguments, **variables):
    done = started(script, *arguments, **variables)
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
    earlier = torch.load(tmp_path / 'one' / 'epoch_2.pth')['state_dict']
    assert any((earlier[name] - alone[name]).abs().max() > 1e-4 for name in alone)  # they moved

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


@pytest.mark.slow
def test_sparse_weights_move_alike_in_two_processes(tiny_config, tmp_path):
    """The gradient that makes weights grow is that of all processes.

    By SGD: Adam's first step moves every weight that grew by the same, and which of those goes
    first is then a matter of rounding.
    """
    hook = dict(type='WeightSparsityHook', mode='rigl', sparsity=0.5,
                layers=dict(include='hidden'), pace=dict(interval=1, end=0.9))
    config = tmp_path / 'sparse.py'
    config.write_text(f'_base_ = {str(tiny_config)!r}\nmodel = dict(width=16)\n'
                      f'custom_hooks = [{hook!r}]\n'
                      'optim_wrapper = dict(optimizer=dict(_delete_=True, type="SGD", lr=0.05))\n')
    in_two_processes('dist_train.sh', config, 2, '--work-dir', tmp_path / 'two',
                     '--cfg-options', 'train_dataloader.batch_size=2')
    one = train(config, tmp_path / 'one')
    alone, together = (torch.load(path, map_location='cpu') for path in (
        one.checkpoint, tmp_path / 'two' / 'epoch_4.pth'))
    assert torch.equal(alone['weight_masks']['hidden.weight']['bits'],
                       together['weight_masks']['hidden.weight']['bits'])
    torch.testing.assert_close(together['state_dict']['hidden.weight'],
                               alone['state_dict']['hidden.weight'], rtol=1e-4, atol=1e-5)
    assert int((alone['state_dict']['hidden.weight'] == 0).sum()) >= 32


UNEVEN = ('--cfg-options', 'train_dataloader.batch_size=2', 'train_dataloader.dataset.frames=7',
          'val_dataloader.dataset.frames=5')


def dying(tiny_config, folder, **hook):
    """The config with a process that does not live to the end."""
    config = folder / 'dying.py'
    config.write_text(f'_base_ = {str(tiny_config)!r}\n'
                      f'custom_hooks = [{dict(type="KillHook", **hook)!r}]\n')
    return config


def weights_of(folder):
    return torch.load(folder / 'epoch_4.pth', map_location='cpu')['state_dict']


@pytest.mark.slow
def test_a_rank_that_is_killed_ends_the_job_which_resumes_to_the_same_weights(tiny_config,
                                                                              tmp_path):
    """Seven frames, so that the last batches are uneven."""
    config = dying(tiny_config, tmp_path, iteration=5, rank=1)
    killed = started('dist_train.sh', config, 2, '--work-dir', tmp_path / 'killed', *UNEVEN)
    assert killed.returncode and 'Signal 9 (SIGKILL)' in killed.stderr
    assert 'trained' not in killed.stdout
    in_two_processes('dist_train.sh', tiny_config, 2, '--work-dir', tmp_path / 'killed',
                     '--resume', *UNEVEN)
    in_two_processes('dist_train.sh', tiny_config, 2, '--work-dir', tmp_path / 'whole', *UNEVEN)
    resumed, whole = weights_of(tmp_path / 'killed'), weights_of(tmp_path / 'whole')
    assert all(torch.equal(resumed[name], value) for name, value in whole.items())
    assert len(list((tmp_path / 'whole').rglob('*.log'))) == 1, 'one log, of the first process'


@pytest.mark.slow
def test_the_metric_of_uneven_batches_is_gathered_once(tiny_config, tmp_path):
    one = train(tiny_config, tmp_path / 'one')
    frames = {'test_dataloader.dataset.frames': 5}
    scores = tmp_path / 'scores.json'
    printed = in_two_processes('dist_test.sh', tiny_config, one.checkpoint, 2, '--work-dir',
                               tmp_path / 'two', '--out', scores, '--cfg-options',
                               'test_dataloader.dataset.frames=5')
    assert printed.count('evaluated') == 1
    alone = test(tiny_config, one.checkpoint, tmp_path / 'one', frames)
    assert json.loads(scores.read_text())['metrics'] == alone and alone['frames'] == 5


@pytest.mark.slow
def test_an_error_of_one_rank_ends_the_job_with_its_sentence(tiny_config, tmp_path):
    config = dying(tiny_config, tmp_path, iteration=3, rank=1, message='cloud 17 is damaged')
    done = started('dist_train.sh', config, 2, '--work-dir', tmp_path / 'two')
    assert done.returncode and done.stderr.count('error: cloud 17 is damaged') == 1


@pytest.mark.slow
def test_slurm_launches_the_same_training(tiny_config, tmp_path, monkeypatch):
    """A real Slurm of one machine, two tasks without GPUs."""
    home = tmp_path / 'slurm'
    home.mkdir()
    variables = dict(GPUS='0', TASKS='2', CPUS_PER_TASK='1')
    with one_machine_slurm(home, monkeypatch) as partition:
        printed = in_two_processes('slurm_train.sh', partition, 'tiny', tiny_config,
                                   tmp_path / 'slurm_run', '--cfg-options',
                                   'train_dataloader.batch_size=2', **variables)
        assert printed.count('trained 4 epochs') == 1
        assert len(list((tmp_path / 'slurm_run').rglob('*.log'))) == 1
        scores = tmp_path / 'scores.json'
        in_two_processes('slurm_test.sh', partition, 'tiny', tiny_config,
                         tmp_path / 'slurm_run/epoch_4.pth', '--work-dir', tmp_path / 'slurm_run',
                         '--out', scores, **variables)
        config = dying(tiny_config, tmp_path, iteration=3, rank=1, message='cloud 17 is damaged')
        failed = started('slurm_train.sh', partition, 'tiny', config, tmp_path / 'failed',
                         **variables)
        assert failed.returncode and 'error: cloud 17 is damaged' in failed.stderr
    one = train(tiny_config, tmp_path / 'one')
    alone, together = weights_of(tmp_path / 'one'), weights_of(tmp_path / 'slurm_run')
    for name, value in alone.items():
        torch.testing.assert_close(together[name], value, rtol=1e-5, atol=1e-6, msg=name)
    metrics = test(tiny_config, one.checkpoint, tmp_path / 'one')
    assert json.loads(scores.read_text())['metrics']['distance'] == pytest.approx(
        metrics['distance'], rel=1e-4)
