"""Threads of OpenMP that sleep while they wait, set before PyTorch is loaded.

The threads of libgomp, PyTorch's OpenMP on Linux, wait for each other by spinning: on cores that
others use as well (data workers, a neighbor, the host of a virtual machine) each waits for one
that cannot run because of it. ``docs/threads.md`` has figures. libgomp reads its environment when
it is loaded, so this must run before ``import torch``; ``import sparse3d`` does it first of all.
"""
from __future__ import annotations

import os
import sys

SETTING = ('GOMP_SPINCOUNT', '0')
OF_THE_USER = ('GOMP_SPINCOUNT', 'OMP_WAIT_POLICY')  # either of them decides how threads wait


def wait_passively() -> bool:
    """Let OpenMP's threads sleep while they wait, here and in processes started later.

    Returns:
        Whether threads wait as the environment now says: False if PyTorch was loaded before, and
        nothing had been set.
    """
    if any(os.environ.get(name) for name in OF_THE_USER):
        return True
    os.environ[SETTING[0]] = SETTING[1]
    return 'torch' not in sys.modules


IN_TIME = wait_passively()
