"""A process ends where it leaves its group."""
from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sparse3d.apis import train
from sparse3d.engine.distributed import without_others
from sparse3d.errors import ConfigError

TESTS = Path(__file__).resolve().parents[2]
LEAVES = '''
import atexit, sys
from sparse3d.apis import train
from sparse3d.engine.distributed import leave_process_group

class HeldToTheEnd:
    def __del__(self):
        print('destroyed with the interpreter')

leave_process_group()  # there is none yet
held = HeldToTheEnd()
atexit.register(print, 'handlers have run')
train(sys.argv[1], sys.argv[2], {'train_cfg.max_epochs': 1}, launcher='pytorch')
print('leaves')
leave_process_group()
print('goes on')
'''


@pytest.mark.slow
def test_a_process_of_gloo_ends_where_it_leaves_the_group(tmp_path):
    """Gloo's threads may abort an interpreter that goes on to destroy its objects."""
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        port = listener.getsockname()[1]
    environment = {**os.environ, 'RANK': '0', 'WORLD_SIZE': '1', 'LOCAL_RANK': '0',
                   'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(port),
                   'CUDA_VISIBLE_DEVICES': '-1',
                   'PYTHONPATH': os.pathsep.join([str(TESTS / 'tiny'), str(TESTS / 'support')])}
    done = subprocess.run(
        [sys.executable, '-c', LEAVES, TESTS / 'tiny' / 'tiny_config.py', tmp_path / 'work'],
        env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[-2:] == ['leaves', 'handlers have run']


def test_processes_that_would_go_on_from_different_checkpoints(tiny_config, tmp_path, monkeypatch):
    """As on two machines without a shared folder: the first process alone writes checkpoints."""
    train(tiny_config, tmp_path)
    monkeypatch.setattr('sparse3d.engine.distributed.all_gather_object',
                        lambda seen: [seen, 'none'])
    with pytest.raises(ConfigError, match='the first one epoch_4.pth of iteration 8, number 1 '
                                          r'.from 0. none; .*all machines share'):
        train(tiny_config, tmp_path, resume='auto')


def test_a_block_without_others_sets_back_what_it_changed(monkeypatch):
    monkeypatch.setattr(torch.distributed, 'is_initialized', lambda: True)
    with without_others():
        assert not torch.distributed.is_initialized()
    assert torch.distributed.is_initialized()
