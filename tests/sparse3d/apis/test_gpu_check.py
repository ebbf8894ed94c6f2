"""The check of a GPU: its parts work on the pretended one, and no part takes another with it."""
from __future__ import annotations

import json
import sys

import pytest
import torch

from sparse3d.apis.gpu_check import (
    Part,
    format_part,
    gpu_check,
    part_names,
    run_in_own_process,
    run_part,
)
from sparse3d.errors import BackendUnavailable

FAILS = """
import os, signal, sys, time
name, out = sys.argv[1:]
if name == 'raises': raise RuntimeError('no kernel image')
if name == 'dies': os.kill(os.getpid(), signal.SIGKILL)
if name == 'hangs': time.sleep(60)
open(out, 'w').write('[{"name": "x", "state": "ok", "value": "fine"}]')
"""


@pytest.mark.skipif(torch.cuda.is_available(), reason='for machines without a GPU')
def test_without_a_gpu_it_says_so(tmp_path, capsys):
    from sparse3d_cli import main
    assert main(['gpu-check', '--out', str(tmp_path / 'a.json')]) == 1
    said = capsys.readouterr().err
    assert said.startswith('error: torch finds no GPU') and said.count('\n') == 1
    assert not (tmp_path / 'a.json').exists()
    with pytest.raises(BackendUnavailable, match='no GPU'):
        gpu_check(tmp_path / 'a.json')


def test_a_part_that_fails_leaves_the_others_alone(monkeypatch):
    monkeypatch.setattr('sparse3d.apis.gpu_check.SECONDS', 3)
    parts = [run_in_own_process(name, [sys.executable, '-c', FAILS])
             for name in ('raises', 'dies', 'hangs', 'works')]
    assert [part.state for part in parts] == ['broken'] * 3 + ['ok']
    raised, died, hung = (part.rows[0]['value'] for part in parts[:3])
    assert 'no kernel image' in raised and 'status -9' in died and 'more than 3 s' in hung
    assert format_part(parts[3]).split() == ['ok', 'x', 'fine']


def test_the_file_holds_what_is_known_so_far(pretended_gpu, tmp_path):
    out = tmp_path / 'a.json'

    def run(name):
        if name == 'operators':
            assert [part['name'] for part in json.loads(out.read_text())['parts']] == ['doctor']
        return Part(name, 1.0, [dict(name='a', state='note', value='b')])

    parts = gpu_check(out, ['doctor', 'operators'], run)
    stored = json.loads(out.read_text())
    assert [part.state for part in parts] == ['note', 'note']
    assert [part['state'] for part in stored['parts']] == ['note', 'note']
    assert stored['device'] == 'pretended GPU' and stored['packages']['torch']
    with pytest.raises(BackendUnavailable, match="no part 'operator'"):
        gpu_check(out, ['operator'])


def test_every_kind_of_model_is_a_part():
    names = part_names()
    assert names[:2] == ['doctor', 'operators']
    assert sum(name.startswith('system: ') for name in names) >= 10
    assert any(name.startswith('training: ') for name in names)
    assert any(name.startswith('benchmark: ') for name in names)


def test_operators_are_those_of_the_cpu(pretended_gpu):
    rows = run_part('operators', short=True)
    assert len(rows) >= 17
    assert [row for row in rows if row['state'] != 'ok'] == []


@pytest.mark.slow
def test_a_wrong_operator_is_found(pretended_gpu, monkeypatch):
    from sparse3d.apis import gpu_check_operators
    monkeypatch.setitem(gpu_check_operators.CASES, 'wrong', (
        lambda device: torch.ones(3, device=device) * (1.1 if device == 'cuda' else 1.0), 1e-3))
    monkeypatch.setitem(gpu_check_operators.CASES, 'raises', (
        lambda device: torch.ones(3, device=device) + torch.ones(3), 1e-3))
    states = {row['name']: row['state'] for row in run_part('operators', short=True)}
    assert states['wrong'] == states['raises'] == 'broken'


@pytest.mark.slow
def test_a_system_and_a_training(pretended_gpu):
    rows = run_part('system: centerpoint_simulated_kitti_car', short=True)
    assert [row['state'] for row in rows] == ['ok'] * 4, rows
    assert {'step_ms', 'peak_mebibytes'} <= set(rows[1])
    training = run_part('training: centerpoint_simulated_kitti_car', short=True)
    assert len(training[0]['losses']) == 4
