"""A reader's Python, and simulated drives, for all pages."""
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the modules beside this file

from page_steps import Step  # noqa: E402
from reader import Reader  # noqa: E402

DRIVES = [f'python tools/{tool}.py {name} data/{name}' for name in ('kitti', 'nuscenes', 'waymo')
          for tool in ('simulate', 'create_data')]


@pytest.fixture(scope='session')
def programs(tmp_path_factory) -> Iterator[Path]:
    """Folder of a ``python`` and a ``pytest`` that need no time to begin and make commands short.
    """
    folder = tmp_path_factory.mktemp('stand_in')
    script = Path(__file__).with_name('stand_in_python.py')
    with subprocess.Popen([sys.executable, script, folder], stdout=subprocess.PIPE, text=True,
                          env={**os.environ, 'OMP_NUM_THREADS': '1'}) as process:
        assert process.stdout.readline() == 'ready\n', 'the stack could not be imported'
        yield folder / 'bin'
        process.kill()


@pytest.fixture(scope='session')
def drives(tmp_path_factory, programs) -> Path:
    """A folder with a prepared drive of each benchmark: ``kitti``, ``nuscenes``, ``waymo``."""
    reader = Reader(tmp_path_factory.mktemp('drives') / 'home', programs)
    for number, command in enumerate(DRIVES, start=1):
        reader.do('drives', Step(number, 'shell', command))
    return reader.folder / 'data'


@pytest.fixture
def stored_outputs(request) -> Callable[[], Path]:
    """Gives the folder of the stored outputs; where it is absent the test is skipped."""
    return lambda: request.getfixturevalue('golden_dir')
