"""Tests of one mutant: in a copy of the tree, in a process of its own, with a time limit.

The libraries are loaded once; each process is a fork that imports Sparse3D from the copy.
"""
from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mutant_list import REPOSITORY, Mutant

KILLED, SURVIVED, OUT_OF_TIME, NO_TEST = 'killed', 'survived', 'out of time', 'no test'
PASSED, NO_TESTS = 0, 5  # exit codes of pytest
WALL = 5  # times the limit of the processor's time, on a machine that others use as well


class FirstFailure:
    """Plug-in of pytest: which test failed first, or which file could not be imported."""

    def __init__(self) -> None:
        self.name = ''

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.name = self.name or report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.name = self.name or report.nodeid


def load_libraries() -> None:
    """What every test imports but Sparse3D itself, which the mutant may change."""
    import cv2  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import mmcv  # noqa: F401
    import mmengine.runner  # noqa: F401
    import numba  # noqa: F401
    import pandas  # noqa: F401
    import scipy.optimize  # noqa: F401
    import torch  # noqa: F401


class Copy:
    """A copy of what git knows of the tree, beside the same goldens and frames."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def test(self, mutant: Mutant | None, tests: list[str], seconds: int) -> tuple[str, str]:
        """Run tests with a mutant, or without one.

        Args:
            seconds: limit, of the processor.

        Returns:
            What came of it, and the test that noticed or the number of the signal.
        """
        if not tests:
            return NO_TEST, ''
        with self._with(mutant):
            receiver, sender = multiprocessing.Pipe(duplex=False)
            process = multiprocessing.get_context('fork').Process(
                target=_run, args=(self.root, tests, seconds, sender))
            process.start()
            sender.close()
            process.join(seconds * WALL)
            if process.is_alive():
                process.kill()
                process.join()
                return OUT_OF_TIME, ''
        code, failed = receiver.recv() if receiver.poll() else (None, '')
        if code is None:
            limits = (-resource_signal(), -9)
            return (OUT_OF_TIME if process.exitcode in limits else KILLED,
                    f'exit {process.exitcode}')
        names = {PASSED: SURVIVED, NO_TESTS: NO_TEST}
        return names.get(code, KILLED), failed

    @contextmanager
    def _with(self, mutant: Mutant | None) -> Iterator[None]:
        if mutant is None:
            yield
            return
        path = self.root / mutant.file
        source = path.read_text()
        path.write_text(mutant.apply(source))
        try:
            yield
        finally:
            path.write_text(source)


@contextmanager
def copied_tree() -> Iterator[Copy]:
    """A copy of the working tree that goes away at the end."""
    with tempfile.TemporaryDirectory(prefix='sparse3d_mutants_') as folder:
        root = Path(folder) / 'tree'
        names = subprocess.run(['git', 'ls-files', '-z', '--cached', '--others',
                                '--exclude-standard'], cwd=REPOSITORY, check=True,
                               capture_output=True, text=True).stdout.split('\0')
        for name in filter(None, names):
            if (REPOSITORY / name).is_symlink() or (REPOSITORY / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPOSITORY / name, root / name, follow_symlinks=False)
        for variable, place in (('SPARSE3D_GOLDEN', 'golden'), ('SPARSE3D_REAL_DATA', 'data')):
            os.environ.setdefault(variable, str(REPOSITORY.parent / 'shared' / place))
        yield Copy(root)


def resource_signal() -> int:
    """Signal of a process that has used up its time."""
    import signal
    return int(signal.SIGXCPU)


def _run(root: Path, tests: list[str], seconds: int, sender) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    paths = [str(root / 'projects'), str(root / 'tests' / 'support')]
    here = {str(REPOSITORY / 'projects'), str(Path(__file__).parent)}
    sys.path[:] = [*paths, *(path for path in sys.path if path not in here)]
    os.environ['PYTHONPATH'] = os.pathsep.join(paths)
    sys.dont_write_bytecode = True  # a mutant may be as long and as young as its source
    os.chdir(root)
    log = os.open(root.parent / 'log.txt', os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    failure, codes = FirstFailure(), []
    for test in tests:  # one file after the other: most mutants fall in the first
        codes.append(int(pytest.main(['-x', '-q', '-m', 'not slow', '-p', 'no:cacheprovider',
                                      '--rootdir', str(root), test], plugins=[failure])))
        if codes[-1] not in (PASSED, NO_TESTS):
            break
    sender.send((PASSED if PASSED in codes and codes[-1] == NO_TESTS else codes[-1],
                 failure.name))
    sender.close()
    os._exit(0)
