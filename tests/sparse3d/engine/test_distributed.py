"""What is left of a process group once it has been left."""
from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2]
LEFT_BEHIND = '''
import os, sys
from sparse3d.apis import train
from sparse3d.engine.distributed import leave_process_group

def threads_of_gloo():
    names = [open(f'/proc/self/task/{number}/comm').read()
             for number in os.listdir('/proc/self/task')]
    return sum('gloo' in name for name in names)

train(sys.argv[1], sys.argv[2], {'train_cfg.max_epochs': 1}, launcher='pytorch')
during = threads_of_gloo()
leave_process_group()
leave_process_group()  # there is none any more
print('threads of gloo', during, threads_of_gloo())
'''


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith('linux'),
                    reason='threads are counted in /proc, which this system has not')
def test_no_thread_of_gloo_outlives_a_training(tmp_path):
    """One that does may abort the process after all its work is done."""
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        port = listener.getsockname()[1]
    environment = {**os.environ, 'RANK': '0', 'WORLD_SIZE': '1', 'LOCAL_RANK': '0',
                   'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(port),
                   'CUDA_VISIBLE_DEVICES': '-1',
                   'PYTHONPATH': os.pathsep.join([str(TESTS / 'tiny'), str(TESTS / 'support')])}
    done = subprocess.run(
        [sys.executable, '-c', LEFT_BEHIND, TESTS / 'tiny' / 'tiny_config.py', tmp_path / 'work'],
        env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    during, after = map(int, done.stdout.split('threads of gloo')[1].split())
    assert during > 0 and after == 0
