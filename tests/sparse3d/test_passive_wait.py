"""Threads of OpenMP sleep while they wait, whatever is started, unless the user says otherwise."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OF_THREADS = ('GOMP_SPINCOUNT', 'OMP_WAIT_POLICY')
PACKAGES = sorted(path.parent.name for path in ROOT.glob('projects/*/__init__.py'))
# What a tool needs on its command line before it asks for torch.
ARGUMENTS = {
    'train': 'absent.py', 'pretrain': 'absent.py',
    'prune': 'absent.py absent.pth absent_out.pth', 'test': 'absent.py absent.pth',
    'visualize': 'absent.py',
    'analyze': 'absent.py absent.pth', 'benchmark': '--list', 'demo': '',
    'create_data': 'kitti absent', 'detect': 'absent.py absent.pth absent.bin',
    'export': 'absent.py', 'check': 'absent',
    'publish': 'absent.py absent.pth absent --license other',
    'doctor': '', 'compare': 'a=absent.py b=absent.py --out absent.json',
    'simulate': 'kitti absent --frames 0', 'list': 'modules', 'view': 'absent.py',
    'recording': 'absent.mcap',
    'track': 'absent.json --infos absent.pkl --out absent_tracks.json',
    'convert_checkpoint': 'dsvt absent.pth out.pth', 'make_pictures': '--checkpoint absent.pth',
    'blind_trial': '--answers absent.json', 'gpu_check': '', 'measure_recording': 'absent.pth',
    'floors': 'absent', 'zero_shot': '', 'make_weights': '--data absent --work-dir absent',
    'search_sparsity': 'absent.py absent.pth --limits 0 1 --out absent.json'}
# It makes the environment; starts other processes; reads numbers.
WITHOUT_TORCH = {'install', 'matrix', 'update_tables'}

# Stops where torch would be loaded, or at the end, and tells what libgomp would read.
STOP_AT_TORCH = '''
import atexit, os, sys
atexit.register(lambda: print('at torch:', os.environ.get('GOMP_SPINCOUNT'),
                              os.environ.get('OMP_WAIT_POLICY')))
class Stop:
    def find_spec(self, name, path=None, target=None):
        if name == 'torch':
            print('at torch:', os.environ.get('GOMP_SPINCOUNT'), os.environ.get('OMP_WAIT_POLICY'))
            sys.stdout.flush()
            os._exit(0)
sys.meta_path.insert(0, Stop())
'''


def environment(**settings):
    kept = {name: value for name, value in os.environ.items() if name not in OF_THREADS}
    return {**kept, **settings}


def at_torch(script, *arguments, **settings):
    done = subprocess.run([sys.executable, '-c', STOP_AT_TORCH + script, *arguments], cwd=ROOT,
                          capture_output=True, text=True, env=environment(**settings))
    lines = [line for line in done.stdout.splitlines() if line.startswith('at torch:')]
    assert len(lines) == 1, done.stdout + done.stderr
    return lines[0].removeprefix('at torch: ')


@pytest.mark.parametrize('package', PACKAGES)
def test_a_package_sets_it_before_torch_is_loaded(package):
    assert at_torch(f'import {package}, sparse3d.register') == '0 None'


@pytest.mark.parametrize(
    'tool', sorted({path.stem for path in ROOT.glob('tools/*.py')} - WITHOUT_TORCH))
def test_a_tool_sets_it_before_torch_is_loaded(tool):
    script = ('import runpy; sys.argv = ["tool", *sys.argv[1:]]; sys.path.insert(0, "tools"); '
              f'runpy.run_path("tools/{tool}.py", run_name="__main__")')
    assert at_torch(script, *ARGUMENTS[tool].split()) == '0 None'


@pytest.mark.parametrize('settings, found', [
    ({'GOMP_SPINCOUNT': '1000'}, '1000 None'), ({'OMP_WAIT_POLICY': 'ACTIVE'}, 'None ACTIVE'),
    ({'OMP_WAIT_POLICY': 'PASSIVE'}, 'None PASSIVE')])
def test_a_setting_of_the_user_stays(settings, found):
    assert at_torch('import sparse3d.register', **settings) == found


def test_the_tests_themselves_run_with_it():
    code = ('import sys; sys.path[:0] = ["tests", "tests/support"]; import conftest; import torch')
    assert at_torch(code) == '0 None'


def test_libgomp_reads_what_was_set_by_python():
    """Nothing is set by the shell: libgomp reports what it read when torch loaded it."""
    script = ROOT / 'projects' / 'sparse3d' / 'passive_wait.py'
    code = f'import runpy; print(runpy.run_path({str(script)!r})["IN_TIME"]); import torch'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                          env=environment(OMP_DISPLAY_ENV='VERBOSE'))
    if 'GOMP_SPINCOUNT' not in done.stderr:
        pytest.skip('this build of torch does not use libgomp')
    assert done.stdout.split() == ['True']
    assert "GOMP_SPINCOUNT = '0'" in done.stderr


def test_too_late_is_said():
    script = ROOT / 'projects' / 'sparse3d' / 'passive_wait.py'
    code = ('import sys; sys.modules["torch"] = sys; import runpy; '
            f'print(runpy.run_path({str(script)!r})["IN_TIME"])')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                          env=environment())
    assert done.stdout.split() == ['False']


def test_make_and_the_scripts_set_it_too():
    script = 'include Makefile\nshow:\n\t@echo "$$GOMP_SPINCOUNT;$$OMP_WAIT_POLICY"\n'
    for settings, expected in (({}, '0;'), ({'GOMP_SPINCOUNT': '7'}, '7;'),
                               ({'OMP_WAIT_POLICY': 'ACTIVE'}, ';ACTIVE')):
        done = subprocess.run(['make', '-s', '-f', '-', 'show'], input=script, cwd=ROOT,
                              capture_output=True, text=True, env=environment(**settings))
        assert done.stdout.strip() == expected, done.stderr
    for path in ('.ci/run', 'tools/dist_train.sh', 'tools/dist_test.sh'):
        assert 'export GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-0}"' in (ROOT / path).read_text()
