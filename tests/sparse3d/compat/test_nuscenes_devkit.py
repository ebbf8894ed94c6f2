"""Nothing of ours imports the nuscenes-devkit; without it everything still works."""
from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

# The benchmarks that time the devkit, where it is there.
AS_A_BASELINE = ['nuscenes_metric.py', 'tracking_metrics.py']
PROJECTS = Path(__file__).resolve().parents[3] / 'projects'
# As if the devkit were not installed; whoever asks for it is noted.
BLOCK = '''
import sys
from importlib.abc import MetaPathFinder

class Blocked(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == 'nuscenes':
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)

sys.meta_path.insert(0, Blocked())
'''
PROGRAM = BLOCK + '''
import sparse3d.datasets.nuscenes.dataset  # before anything else of ours
import sparse3d.register
import mmdet3d.datasets, mmdet3d.evaluation
from sparse3d.compat.nuscenes_devkit import apply_patch
apply_patch()
assert not [name for name in sys.modules if name.split('.')[0] == 'nuscenes']

from sparse3d.datasets.nuscenes.evaluate import evaluate_nuscenes
from sparse3d.datasets.nuscenes.prepare import NuScenesPreparation, prepare_nuscenes
from sparse3d.datasets.nuscenes.prepare.tables import open_tables
from sparse3d.datasets.nuscenes.results import make_submission
from pathlib import Path
root, out = map(Path, sys.argv[1:])
prepare_nuscenes(root, out=out, options=NuScenesPreparation(cameras=False, database=False))
tables = open_tables(root, 'v1.0-mini')
tokens = [row['token'] for row in tables.sample if tables.get(
    'scene', row['scene_token'])['name'] == 'scene-0103']
result = evaluate_nuscenes(make_submission({token: [] for token in tokens}, {}), tables, 'mini_val')
assert result.scores['NDS'] == 0

from mmdet3d.evaluation.metrics import NuScenesMetric
try:
    NuScenesMetric('root', 'file')
except Exception as error:
    print(type(error).__name__, error)
try:
    import nuscenes
except ModuleNotFoundError:
    print('not installed')
'''


def imported(source: str) -> set[str]:
    """First parts of the names of all modules that a text imports, wherever it does."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split('.')[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or '').split('.')[0])
    return found


def test_nothing_of_ours_imports_it():
    assert imported('def f():\n    from nuscenes.utils import splits') == {'nuscenes'}
    # A package may be a link, which rglob does not follow.
    files = [path for package in sorted(PROJECTS.iterdir()) for path in package.rglob('*.py')]
    users = [path for path in files if {'nuscenes', 'pyquaternion'} & imported(path.read_text())]
    assert sorted(path.name for path in users) == AS_A_BASELINE


def test_everything_works_without_it(simulated_nuscenes, tmp_path):
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', PROGRAM, str(simulated_nuscenes),
         str(tmp_path / 'out')], capture_output=True, text=True, timeout=300,
        env={**os.environ, 'PYTHONPATH': str(PROJECTS)})
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-2].startswith('BackendUnavailable config_factory of nuscenes.eval.detection')
    assert 'needs the nuscenes-devkit, which is not installed' in lines[-2]
    assert lines[-1] == 'not installed'


def test_an_installed_devkit_stays_as_it_is():
    nuscenes = pytest.importorskip('nuscenes')
    from mmdet3d.datasets import convert_utils

    from sparse3d.compat.nuscenes_devkit import apply_patch
    apply_patch()
    assert convert_utils.NuScenes is nuscenes.NuScenes and sys.modules['nuscenes'] is nuscenes


def test_every_repair_says_which_versions_need_it():
    from sparse3d import compat
    folder = Path(compat.__file__).parent
    # Choices of a library, and how the stack is loaded: no repairs.
    choices = {'sparse_backends', 'spconv_triton_layers', 'late_imports'}
    modules = {path.stem for path in folder.glob('*.py')} - {'__init__', 'applied'} - choices
    assert set(compat.PATCHES) == modules and compat.PATCHES[0] == 'nuscenes_devkit'
    for name, versions in compat.NEEDED_BY.items():
        assert any(character.isdigit() for character in versions), name
