"""The check of a GPU: its parts work on the pretended one, and no part takes another with it."""
from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
import torch

import sparse3d.apis
from sparse3d.apis.gpu_check import (
    Part,
    format_part,
    gpu_check,
    part_names,
    run_in_own_process,
    run_part,
)
from sparse3d.errors import BackendUnavailable

APIS = Path(sparse3d.apis.__file__).parent
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


def test_when_the_time_is_over_what_is_left_out_is_said(pretended_gpu, tmp_path, monkeypatch):
    clock = iter([0.0, 0.0, 59.0, 61.0])
    monkeypatch.setattr('sparse3d.apis.gpu_check.time.monotonic', lambda: next(clock))
    asked = []

    def run(name, seconds_left):
        asked.append((name, seconds_left))
        return Part(name, 1.0, [dict(name='a', state='ok', value='b')])

    monkeypatch.setattr('sparse3d.apis.gpu_check.run_in_own_process', run)
    training = part_names()[-1]
    parts = gpu_check(tmp_path / 'a.json', ['doctor', 'operators', training], minutes=1)
    assert asked == [('doctor', 60.0), ('operators', 1.0)]
    assert [part.state for part in parts] == ['ok', 'ok', 'note']
    assert f'left out: 1 minutes were over; sparse3d gpu-check --parts "{training}"' in \
        parts[2].rows[0]['value']


def test_every_kind_of_model_is_a_part():
    names = part_names()
    assert names[:2] == ['doctor', 'operators']
    assert sum(name.startswith('system: ') for name in names) >= 10
    assert any(name.startswith('training: ') for name in names)
    assert any(name.startswith('benchmark: ') for name in names)


def test_operators_are_those_of_the_cpu(pretended_gpu):
    rows = run_part('operators', short=True)
    assert len(rows) >= 30
    assert [row for row in rows if row['state'] != 'ok'] == []


# What is no operator of its own on a GPU, or is run by the cases of others.
WITHIN_OTHERS = {
    'backends': 'chooses', 'constants': 'numbers alone', 'grid_mask': 'NumPy',
    'box_members': "CPU form of mmcv's points in boxes",
    'neighbor_lists': 'ball query, voxel query', 'packed_views': 'sampling of views',
    'pair_chunks': 'ball query', 'sample_views_triton': 'sampling of views',
    'pruned_edges': 'a pruned convolution, out of tables of pairs',
    'pruned_convolution': 'no case yet: of spconv and cells', 'pruning_options': 'chooses',
    'image_resize': 'on the CPU only', 'moved_sweeps': 'on the CPU only',
    'weighted_rows': 'on the CPU only',
    'deformable_aggregation_triton': 'deformable aggregation',
    'packed_maps': 'deformable aggregation',
    'circle_grid': 'suppression of boxes', 'near_boxes': 'points in boxes',
    'linear': 'on the CPU only',
    'compile_kernels': 'on the CPU only', 'compiled_kernels': 'on the CPU only',
    'compiled_pairs': 'on the CPU only', 'kernel_places': 'on the CPU only',
    'sparse_compiled': 'on the CPU: spconv',
    'sparse_blocks': 'on the CPU only', 'sparse_convolution': 'on the CPU: spconv',
    'sparse_pairs': 'on the CPU: spconv', 'sparse_pooling': 'on the CPU: spconv'}
# CPU forms of mmcv's kernels, which run on a GPU.
OF_MMCV = {
    'assign_scores': 'assign_score_withk', 'grouping': 'grouping_operation',
    'nearest_points': 'knn', 'roi_aware_pooling': 'RoIAwarePool3d',
    'roi_point_pooling': 'RoIPointPool3d', 'scatter_points': 'dynamic_scatter',
    'sigmoid_focal_loss': 'sigmoid_focal_loss', 'sort_vertices': 'diff_iou_rotated_3d',
    'three_interpolate': 'three_interpolate'}


def test_every_operator_is_compared():
    cases = ''.join(path.read_text() for path in APIS.glob('gpu_check_*.py'))
    operators = {path.stem for path in (APIS.parent / 'ops').glob('*.py')} - {'__init__'}
    imported = set(re.findall(r'from sparse3d\.ops\.(\w+) import', cases)) | set(
        re.findall(r'from sparse3d\.ops import (\w+)', cases))
    assert all(f'mmcv_ops.{name}(' in cases for name in OF_MMCV.values())
    assert operators == imported | set(OF_MMCV) | set(WITHIN_OTHERS)
    assert not imported & (set(OF_MMCV) | set(WITHIN_OTHERS))


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
@pytest.mark.parametrize('name', ['dsvt', 'focalsconv', 'sparse4d', 'sparsebev', 'sparsefusion',
                                  'voxelkp'])
def test_a_published_model_on_stored_inputs(pretended_gpu, golden_dir, monkeypatch, name):
    monkeypatch.setenv('SPARSE3D_GOLDEN', str(golden_dir))
    assert f'golden: {name}' in part_names()
    row, = run_part(f'golden: {name}')
    assert row['state'] == 'ok' and row['difference'] < 1e-3, row


def test_without_stored_inputs_it_is_said(monkeypatch, tmp_path):
    from sparse3d.apis import gpu_check_goldens
    monkeypatch.setenv('SPARSE3D_GOLDEN', str(tmp_path))
    row, = run_part('golden: focalsconv')
    assert row['state'] == 'note' and f'{tmp_path}/focalsconv/inputs.npz is absent' in row['value']
    monkeypatch.setattr(gpu_check_goldens, 'SUPPORT', tmp_path)
    row, = run_part('golden: focalsconv')
    assert row['state'] == 'note' and 'root of a clone' in row['value']


@pytest.mark.slow
def test_a_system_and_a_training(pretended_gpu):
    rows = run_part('system: centerpoint_simulated_kitti_car', short=True)
    assert [row['state'] for row in rows] == ['ok'] * 4, rows
    assert {'step_ms', 'peak_mebibytes'} <= set(rows[1])
    training = run_part('training: centerpoint_simulated_kitti_car', short=True)
    assert len(training[0]['losses']) == 4
