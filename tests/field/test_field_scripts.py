"""Cases that users met, as scripts: each prints PASS and ends with status 0.

Every ``tests/field/*/*.py`` is one. Each is a process of its own that imports everything, so all
belong to the slow tier.
"""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FIELD = Path(__file__).parent
PROJECTS = FIELD.parents[1] / 'projects'


@pytest.mark.slow
@pytest.mark.parametrize('script', sorted(FIELD.glob('*/*.py')),
                         ids=lambda path: path.relative_to(FIELD).as_posix())
def test_script(script, tmp_path):
    paths = [str(PROJECTS), *filter(None, [os.environ.get('PYTHONPATH')])]
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(paths), 'TMPDIR': str(tmp_path),
                   'OMP_NUM_THREADS': '1'}
    done = subprocess.run([sys.executable, '-W', 'ignore', str(script)], capture_output=True,
                          text=True, cwd=FIELD.parents[1], env=environment, timeout=300)
    said = done.stdout.splitlines()[-1:] if done.stdout else []
    assert done.returncode == 0 and said and said[0].startswith('PASS'), done.stdout + done.stderr
