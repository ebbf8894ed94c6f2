"""Fixtures shared by all tests: where goldens and real frames lie, threads, seeds."""
from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import sparse3d.passive_wait  # noqa: F401  (before anything imports torch)
from on_pretended_cuda import pretended_gpu, pytest_pyfunc_call  # noqa: F401  (before torch too)
from tiers import TESTS, is_fast
from time_budget import comes_last, end_of_run, group_of, skip_if_too_late

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The everyday loop does not even import the other files: that alone takes its time."""
    fast = config.option.markexpr.startswith('fast')
    inside = collection_path != TESTS and collection_path.is_relative_to(TESTS)
    return True if fast and inside and not is_fast(collection_path) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in the everyday loop, and what goes to one process."""
    end_of_run()  # refused before anything long, not test by test
    numbers: Counter[str] = Counter()
    items.sort(key=lambda item: comes_last(_in_tests(item.path)))
    for item in items:
        if is_fast(item.path):
            item.add_marker(pytest.mark.fast)
        file = _in_tests(item.path)
        item.add_marker(pytest.mark.xdist_group(group_of(file, numbers[file])))
        numbers[file] += 1


def _in_tests(path: Path) -> str:
    return (path.relative_to(TESTS) if path.is_relative_to(TESTS) else path).as_posix()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """No slow test begins after the end of the run."""
    skip_if_too_late(item)


def _folder(variable: str, default: str) -> Path:
    path = Path(os.environ.get(variable, REPOSITORY / default))
    if not path.is_dir():
        pytest.skip(f'{path} is absent; set {variable} to the folder to run this test')
    return path


@pytest.fixture(scope='session')
def golden_dir() -> Path:
    """Folder of the stored outputs of the original implementations."""
    return _folder('SPARSE3D_GOLDEN', '../shared/golden')


@pytest.fixture(scope='session')
def real_data_dir() -> Path:
    """Folder of the few real frames, never part of the repository."""
    return _folder('SPARSE3D_REAL_DATA', '../shared/data')


@pytest.fixture
def one_thread():
    """Run with one torch thread, for goldens made that way."""
    import torch
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _seed():
    """Every test starts from the same random state."""
    import random

    import numpy as np
    import torch
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture
def tiny_config(monkeypatch) -> Iterator[Path]:
    """Config of a training that takes a second, with its plug-in on the import path."""
    from sparse3d.plugins import installed_plugins
    folder = REPOSITORY / 'tests' / 'tiny'
    monkeypatch.syspath_prepend(str(folder))
    paths = [str(folder), *filter(None, [os.environ.get('PYTHONPATH')])]
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join(paths))
    installed_plugins.cache_clear()
    yield folder / 'tiny_config.py'
    installed_plugins.cache_clear()
