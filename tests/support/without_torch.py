"""A Python of its own in which torch, mmengine and Sparse3D cannot be imported."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REFUSED = ('torch', 'mmengine', 'mmcv', 'mmdet', 'mmdet3d', 'spconv', 'sparse3d')
GUARD = '''
import runpy, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {refused!r}:
            raise ModuleNotFoundError(f'{{name}} is not there')

sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
'''


def run_without_torch(script: Path) -> subprocess.CompletedProcess[str]:
    """Run a script as its own program, in its folder."""
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    return subprocess.run(
        [sys.executable, '-c', GUARD.format(refused=REFUSED), str(script)], cwd=script.parent,
        capture_output=True, text=True, env=environment)
