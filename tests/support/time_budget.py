"""Slow tests within the time of a run: those it cannot begin in time are skipped, and say so.

``SPARSE3D_TESTS_END`` holds the Unix time from which on no slow test begins. ``.ci/run`` sets it,
so that a slow machine leaves out the last tests instead of the results of all.
"""
from __future__ import annotations

import math
import os
import time

import pytest

END = 'SPARSE3D_TESTS_END'
LAST = ('benchmarks/', )  # folders that a slow machine leaves out first
# Files of many long tests that have nothing in common but what each process makes once: groups of
# them go to whichever process is free (``--dist loadgroup``). Other files stay in one process.
GROUPS = {'docs/test_pages.py': 8, 'field/test_field_scripts.py': 4}


def end_of_run() -> float:
    """Unix time from which on no slow test begins.

    Raises:
        UsageError: where the variable is no time.
    """
    text = os.environ.get(END) or 'inf'
    try:
        end = float(text)
    except ValueError:
        end = math.nan
    if math.isnan(end):  # after which no time comes
        raise pytest.UsageError(f'{END} is {text!r}, not a Unix time in seconds')
    return end


def skip_if_too_late(item: pytest.Item) -> None:
    """Skip a slow test that would begin after the end of the run."""
    late = time.time() - end_of_run()
    if late >= 0 and item.get_closest_marker('slow'):
        pytest.skip(f'the time of this run was over {late:.0f} s ago ({END}); '
                    f'make test-slow runs all')


def comes_last(file: str) -> bool:
    """Whether tests of a file, relative to ``tests/``, run after all others."""
    return file.startswith(LAST)


def group_of(file: str, number: int) -> str:
    """The name under which the ``number``-th test of a file goes to a process."""
    return f'{file} {number % GROUPS[file]}' if file in GROUPS else file
