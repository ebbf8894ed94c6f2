"""verify.py of a folder: runs where torch is not, and finds what is not as it should be."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bare_environment import bare_environment
from sparse3d.deploy.export_folder import write_folder
from sparse3d.deploy.folder import verify
from sparse3d.deploy.graphs import CommonRows, Graph, Sample
from sparse3d.deploy.onnx_files import to_onnx
from sparse3d.deploy.voxel_export import voxel_graphs
from sparse3d.plugins import ExportedGraph
from tiny_voxel_detectors import tiny_detector
from without_torch import run_without_torch


class Top(torch.nn.Module):
    """The highest numbers, with what names them."""

    def forward(self, inputs):
        values, places = inputs['x'].topk(2)
        return {'values': values, 'places': places}


@pytest.fixture
def folder(tmp_path) -> Path:
    stated = ExportedGraph('top', 'the highest', {'x': ('N', )},
                           {'values': (2, ), 'places': (2, )}, ('N', ))
    model = Top()
    samples = [Sample('drawn', {'x': torch.tensor([1., 4., 3.])})]
    content = to_onnx(model, samples[0].inputs, {'x': {0: torch.export.Dim.DYNAMIC}})
    graph = Graph(stated, content, model, samples, (), {'x': {0: 'N'}},
                  rows_by=CommonRows('places', ('values', 'places')))
    write_folder(model, [graph], tmp_path / 'out')
    return tmp_path / 'out'


def test_it_runs_in_its_folder_without_torch_and_sparse3d(folder):
    done = run_without_torch(folder / 'verify.py')
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith('top.onnx, drawn: differs from PyTorch by 0.0e+00')


def test_torch_is_refused_there(tmp_path):
    (tmp_path / 'a.py').write_text('import torch')
    assert 'torch is not there' in run_without_torch(tmp_path / 'a.py').stderr


@pytest.mark.slow
@pytest.mark.parametrize('pillars', [True, False], ids=['pillars', 'sparse'])
def test_it_runs_in_an_environment_of_its_own(pillars, tmp_path):
    """NumPy and ONNX Runtime alone are installed there; for sparse convolutions onnx too."""
    detector = tiny_detector('anchors' if pillars else 'center', pillars=pillars)
    write_folder(detector, voxel_graphs(detector, None), tmp_path / 'out')
    python = bare_environment(tmp_path / 'bare',
                              ['numpy', 'onnxruntime', *([] if pillars else ['onnx'])])

    def run(*arguments) -> subprocess.CompletedProcess[str]:
        return subprocess.run([python, '-I', *arguments], capture_output=True, text=True, cwd='/')

    for name in ('torch', 'sparse3d', 'spconv', *(['onnx'] if pillars else [])):
        assert f"No module named '{name}'" in run('-c', f'import {name}').stderr
    done = run(tmp_path / 'out' / 'verify.py')
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 4 and 'no voxel' in done.stdout


def test_another_file_is_found(folder):
    with open(folder / 'top.onnx', 'ab') as stream:
        stream.write(b'a')
    done = subprocess.run([sys.executable, folder / 'verify.py'], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == 'error: top.onnx is not the file that was exported (sha256)\n'


def test_other_outputs_are_found(folder):
    with np.load(folder / 'top.npz') as stored:
        arrays = dict(stored)
    arrays['drawn/out/values'] += 1
    np.savez(folder / 'top.npz', **arrays)
    about = json.loads((folder / 'export.json').read_text())
    del about['sha256']['top.npz']
    (folder / 'export.json').write_text(json.dumps(about))
    with pytest.raises(verify.Different, match='drawn: values differs from PyTorch by 1, more'):
        verify.check_folder(folder)


def test_rows_are_compared_by_what_names_them():
    rows_by = dict(key='k', outputs=['k', 'v'], share=0.5)
    mine = dict(k=np.array([3, 1]), v=np.array([30, 10]), other=np.array([7]))
    theirs = dict(k=np.array([1, 2]), v=np.array([10, 20]), other=np.array([7]))
    found, expected = verify.on_common_rows(mine, theirs, rows_by, 'here')
    assert found['v'].tolist() == expected['v'].tolist() == [10]
    with pytest.raises(verify.Different, match='here: 1 of 2 k are those of PyTorch'):
        verify.on_common_rows(mine, theirs, dict(rows_by, share=0.6), 'here')


def test_an_angle_is_the_same_a_turn_further():
    one, other = np.array([[1.0, 3.14]]), np.array([[1.0, -3.14]])
    assert verify.difference(one, other, 'a') == pytest.approx(6.28)
    turn = (1, 2 * np.pi, None)
    assert verify.difference(one, other, 'a', turn) == pytest.approx(0.00319, abs=1e-4)
    short = dict(v=np.array([[1e-6, 0.0]]))  # an angle of nearly nothing
    found = verify.difference(one, np.array([[1.0, 2.0]]), 'a', (1, 2 * np.pi, 'v'), short)
    assert found == pytest.approx(1.14e-6, abs=1e-8)
    with pytest.raises(verify.Different, match='has the shape'):
        verify.difference(one, other[:, :1], 'a')
    with pytest.raises(verify.Different, match='not finite'):
        verify.difference(one * np.nan, other, 'a')
