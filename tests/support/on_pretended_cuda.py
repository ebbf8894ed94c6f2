"""Tests on the pretended GPU: whoever takes the fixture ``pretended_gpu`` runs in a forked child.

The device cannot be taken away from a process again, and autograd makes its threads anew only after
a fork. What the child imported, changed or allocated is gone with it.
"""
from __future__ import annotations

import os
import pickle
import select
import signal
import time
import traceback
from typing import Any

import pytest

from sparse3d_benchmarks.pretended_cuda import library

SECONDS = 900  # that a test may take before it counts as hanging

try:
    library.prepare()  # before torch is imported
    missing: Exception | None = None
except library.NoPretendedDevice as error:
    missing = error


@pytest.fixture
def pretended_gpu():
    """What was seen on the device, a :class:`sparse3d_benchmarks.pretended_cuda.record.Gpu`."""
    if isinstance(missing, library.CudaBuild):
        pytest.skip(str(missing))
    if missing is not None:
        raise missing
    import sparse3d.register  # noqa: F401  (here, so that not every child imports it)
    import sparse3d_benchmarks.pretended_cuda.machine  # noqa: F401
    from sparse3d_benchmarks.pretended_cuda.record import Gpu
    return Gpu()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run such a test in a child; its failure is the parent's."""
    gpu = pyfuncitem.funcargs.get('pretended_gpu')
    if gpu is None:
        return None
    names = pyfuncitem._fixtureinfo.argnames
    outcome, told = run_in_child(
        lambda: pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}), gpu)
    if outcome == 'skipped':
        pytest.skip(told)
    if outcome == 'failed':
        pytest.fail(told, pytrace=False)
    return True


def run_in_child(function: Any, gpu: Any) -> tuple[str, str]:
    """Call ``function`` on the device in a forked child.

    Returns:
        ``'passed'``, ``'failed'`` or ``'skipped'``, and the traceback or the reason.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        outcome = _outcome(function, gpu)
        with os.fdopen(writing, 'wb') as stream:
            pickle.dump(outcome, stream)
        os._exit(0)
    os.close(writing)
    told = _read(reading, child)
    os.waitpid(child, 0)
    return pickle.loads(told) if told else ('failed', 'the child ended without a word')


def _outcome(function: Any, gpu: Any) -> tuple[str, str]:
    import torch
    from mmengine.logging import MMLogger

    from sparse3d_benchmarks.pretended_cuda.machine import pretended_cuda
    MMLogger.get_instance('pretended_cuda', log_level='ERROR')  # not of every weight how it began
    torch.set_num_threads(1)  # threads of the parent did not come along
    try:
        with pretended_cuda(gpu):
            function()
    except pytest.skip.Exception as error:
        return 'skipped', str(error)
    except BaseException:
        return 'failed', traceback.format_exc()
    return 'passed', ''


def _read(pipe: int, child: int) -> bytes:
    parts, end = [], time.monotonic() + SECONDS
    while True:
        if not select.select([pipe], [], [], max(0.0, end - time.monotonic()))[0]:
            os.kill(child, signal.SIGKILL)
            parts = []
            break
        part = os.read(pipe, 1 << 16)
        if not part:
            break
        parts.append(part)
    os.close(pipe)
    return b''.join(parts)
