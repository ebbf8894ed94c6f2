"""The doctor tells broken from whole and always prints its table."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sparse3d.apis import environment_checks as checks
from sparse3d.ops import compiled_kernels

ROOT = Path(__file__).resolve().parents[2]


def test_a_whole_environment_has_a_whole_table():
    done = subprocess.run([sys.executable, 'tools/doctor.py'], cwd=ROOT, capture_output=True,
                          text=True)
    for name in ('Python', 'torch', 'spconv', 'sparse convolution, cpu', 'compiled kernels',
                 'mmcv operators, cpu', '3D rendering', 'write access', 'free memory', 'threads'):
        assert name in done.stdout
    assert done.returncode == ('BROKEN' in done.stdout), done.stdout + done.stderr
    assert 'is_fx_tracing' not in done.stderr  # a notice of torch that nobody can act on


def test_a_check_that_raises_becomes_a_broken_row_with_a_remedy(monkeypatch):
    def broken():
        raise ImportError('libfoo.so: cannot open shared object file')

    for name in ('check_import', 'check_sparse_convolution', 'check_rendering',
                 'check_mmcv_operators'):
        monkeypatch.setattr(checks, name, broken)
    rows = {row.name: row for row in checks.all_checks()}
    row = rows['sparse3d']
    assert row.state == 'broken' and 'libfoo.so' in row.value and row.remedy
    assert rows['free disk'].state in ('ok', 'note', 'broken')


@pytest.mark.parametrize('version, pin, state', [
    (None, '1.0', 'broken'), ('1.0', '1.0', 'ok'), ('1.0+cpu', '1.0', 'ok'),
    ('2.0', '1.0', 'note')])
def test_versions_are_compared_with_the_pins(monkeypatch, version, pin, state):
    monkeypatch.setattr(checks, '_version', lambda name: version)
    assert checks._package_row('some', {'some': pin}).state == state


@pytest.mark.parametrize('error, state', [(1e-7, 'ok'), (0.3, 'broken')])
def test_a_wrong_sparse_convolution_is_reported(error, state):
    row = checks._probe_row('cpu', error, 'ours')
    assert row.state == state and bool(row.remedy) == (state == 'broken')
    assert row.value.startswith('ours, ')


def test_the_tested_versions_are_those_of_the_constraints():
    lines = [line.split(';')[0].strip() for line in (ROOT / 'constraints.txt').open()]
    pins = dict(line.split('==') for line in lines if '==' in line)
    assert {name: pins[name] for name in checks.TESTED} == checks.TESTED


@pytest.mark.parametrize('reported, environment, state, words', [
    ("  GOMP_SPINCOUNT = '0'", {}, 'ok', 'sleep while they wait'),
    ("  GOMP_SPINCOUNT = '300000'", {}, 'note', 'spin 300000 times'),
    ("  GOMP_SPINCOUNT = '30000000000'", {'OMP_WAIT_POLICY': 'ACTIVE'}, 'note',
     'OMP_WAIT_POLICY=ACTIVE'),
    ('', {}, 'note', 'not of libgomp')])
def test_how_threads_wait_is_told(reported, environment, state, words):
    row = checks._threads_row(reported, environment)
    assert row.state == state and words in row.value


def test_sparse_convolution_without_kernels_is_a_note_with_a_remedy(monkeypatch, tmp_path):
    compiled_kernels.look_again()
    monkeypatch.setenv('SPARSE3D_KERNELS', str(tmp_path))
    [row] = checks.check_kernels()
    assert row.state == 'note' and 'plain PyTorch' in row.value and '--compile' in row.remedy
    compiled_kernels.look_again()
    monkeypatch.setenv('SPARSE3D_KERNELS', 'off')
    [row] = checks.check_kernels()
    assert row.state == 'note' and row.remedy == 'unset SPARSE3D_KERNELS'
    compiled_kernels.look_again()
