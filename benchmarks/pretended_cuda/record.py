"""What was seen on the pretended device: waits of the host, faults, and the lines of both."""
from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

from sparse3d.plugins import plugins

OWN = f'{os.sep}pretended_cuda{os.sep}'
TORCH = f'{os.sep}torch{os.sep}'
TESTS = f'{os.sep}tests{os.sep}'
BACKWARD = 'the backward pass'  # its thread has no Python lines but those of custom functions
KERNEL = 'kernel'
LOOP = 'sparse3d/engine/trial_step.py'  # drives the step, as a training loop does
REPAIRS = 'sparse3d/compat/'  # what waits below a repair is upstream's own


class DeviceFault(RuntimeError):
    """What a GPU would have refused."""


class Wait(NamedTuple):
    """One kind of wait at one place.

    Attributes:
        kind: ``'item'``, ``'boolean mask'``, ``'copy to the CPU'``, ...; ``'kernel: ...'`` inside
            spconv's or mmcv's kernels.
        line: ``path:number`` of the innermost line of the project, or ``''`` if none is on the way.
        innermost: of the innermost line outside PyTorch.
    """

    kind: str
    line: str
    innermost: str

    @property
    def in_kernel(self) -> bool:
        return self.kind.startswith(KERNEL)

    @property
    def owner(self) -> str:
        """Whose it is: ``'ours'``, ``'kernels'``, or ``'others'`` (training loop, autograd)."""
        if self.in_kernel:
            return 'kernels'
        below_repair = self.line.startswith(REPAIRS) and self.line != self.innermost
        return 'ours' if self.line and not self.line.startswith(LOOP) and not below_repair \
            else 'others'


class Gpu:
    """What was seen in a block.

    Attributes:
        waits: :class:`Wait` -> how often.
        faults: sentence -> how often, where faults are counted and not raised.
        operators: name and types of operators, how often.
    """

    def __init__(self, raise_faults: bool = True) -> None:
        self.raise_faults = raise_faults
        self.waits: Counter[Wait] = Counter()
        self.faults: Counter[str] = Counter()
        self.operators: Counter[tuple[str, tuple[str, ...]]] = Counter()

    def fault(self, sentence: str) -> None:
        """Raise, or count and go on."""
        line, innermost = place()
        if self.raise_faults:
            raise DeviceFault(f'{sentence} at {line or innermost}')
        self.faults[f'{sentence} at {line or innermost}'] += 1

    def wait(self, kind: str) -> None:
        self.waits[Wait(kind, *place())] += 1

    @contextmanager
    def counting(self) -> Iterator[Counter[Wait]]:
        """The waits inside a block; filled at its end."""
        before, found = Counter(self.waits), Counter()
        yield found
        found.update(self.waits - before)


def by_owner(waits: Counter[Wait]) -> Counter[str]:
    """Waits of ``'ours'``, ``'kernels'`` and ``'others'``."""
    found: Counter[str] = Counter(ours=0, kernels=0, others=0)
    for wait, count in waits.items():
        found[wait.owner] += count
    return found


def place() -> tuple[str, str]:
    """The innermost line of the project on the stack, and the innermost outside PyTorch."""
    line = innermost = ''
    frame = sys._getframe(1)
    while frame is not None and not line:
        path = frame.f_code.co_filename
        if OWN not in path and TORCH not in path and not path.startswith('<'):
            innermost = innermost or f'{_short(path)}:{frame.f_lineno}'
            if _is_ours(path):
                line = f'{_short(path)}:{frame.f_lineno}'
        frame = frame.f_back
    return line, innermost or BACKWARD


@cache
def _packages() -> tuple[str, ...]:
    """Folders of the core and of every plug-in, as they stand in a path."""
    modules = {module.split('.')[0] for owner in plugins().values() for module in owner.modules}
    return tuple(f'{os.sep}{name}{os.sep}' for name in sorted({'sparse3d', *modules}))


@cache
def _is_ours(path: str) -> bool:
    return TESTS not in path and any(package in path for package in _packages())


def _short(path: str) -> str:
    for mark in (f'{os.sep}site-packages{os.sep}', f'{os.sep}projects{os.sep}'):
        path = path.split(mark)[-1]
    return path
