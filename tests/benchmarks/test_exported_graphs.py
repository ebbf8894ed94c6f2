"""Rows of an exported graph: ways, figures and a process of its own for each."""
from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from sparse3d.deploy.export_folder import write_folder
from sparse3d.deploy.graphs import Graph, Sample
from sparse3d.deploy.onnx_files import to_onnx
from sparse3d.deploy.voxel_export import voxel_graphs
from sparse3d.engine.load_config import load_config
from sparse3d.errors import DataError, Sparse3DWarning
from sparse3d.plugins import ExportedGraph, offers
from sparse3d_benchmarks import exported_graphs, graph_process
from tiny_voxel_detectors import cloud, tiny_detector


class Layer(torch.nn.Module):
    """A product with weights."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(64, 64)

    def forward(self, inputs):
        return {'y': self.layer(inputs['x'])}


@pytest.fixture
def graph():
    for name in ('onnx', 'onnxruntime', 'onnxscript'):
        pytest.importorskip(name, reason=f'{name} is not installed (extra: export)')
    model, sample = Layer().eval(), Sample('drawn', {'x': torch.randn(32, 64)})
    stated = ExportedGraph('layer', 'a layer', {'x': (32, 64)}, {'y': (32, 64)})
    return model, Graph(stated, to_onnx(model, sample.inputs), model, [sample], ('layer.', ),
                        module=model)


def test_every_way_has_its_rows(graph, tmp_path, monkeypatch):
    model, one = graph
    write_folder(model, [one], tmp_path / 'float32')
    entry, = json.loads((tmp_path / 'float32' / 'export.json').read_text())['graphs']
    inputs = exported_graphs._first_inputs(tmp_path / 'float32', entry)
    monkeypatch.setattr(exported_graphs, '_compiled',  # takes a minute
                        lambda name, program, place: tmp_path / 'eager.pt2')
    asked = []

    def measured(way, file, given, threads, repeats):
        assert file.is_file() and set(given) == {'x'} and (threads, repeats) == (1, 2)
        asked.append(way)
        return dict(milliseconds=dict(eager=4.0).get(way, 2.0), mebibytes=1.0)

    monkeypatch.setattr(exported_graphs, 'in_process', measured)
    rows = exported_graphs._rows_of_graph(
        'A, layer', one, exported_graphs._files(one, tmp_path, {'layer.onnx': inputs}), inputs,
        (1, 2))
    assert asked == ['eager', 'aotinductor', *['onnxruntime'] * 4]
    latency = {row['name']: row for row in rows if row['name'].endswith(': latency')}
    assert latency['A, layer, ONNX Runtime, int8_static: latency']['ratio'] == 2.0
    apart = {row['name'].split(', ')[-1]: row['value'] for row in rows
             if row['name'].endswith(': apart')}
    assert apart['float32: apart'] < 1e-5 < apart['float16: apart'] < apart['int8_dynamic: apart']
    sizes = {row['name']: row['value'] for row in rows if row['name'].endswith(': file')}
    assert sizes['A, layer, ONNX Runtime, float16: file'] < sizes[
        'A, layer, ONNX Runtime, float32: file']


def test_a_process_measures_time_and_memory(graph, tmp_path):
    model, one = graph
    write_folder(model, [one], tmp_path / 'out')
    found = exported_graphs.in_process('onnxruntime', tmp_path / 'out' / 'layer.onnx',
                                       {'x': np.ones((32, 64), np.float32)}, 1, 3)
    assert 0 < found['milliseconds'] < 1000 and 0 <= found['mebibytes'] < 500
    with pytest.raises(DataError, match='nothing.onnx cannot be measured by onnxruntime: '):
        exported_graphs.in_process('onnxruntime', tmp_path / 'nothing.onnx', {}, 1, 1)


def test_what_cannot_be_compiled_is_left_out_and_said(monkeypatch, tmp_path):
    import torch._inductor

    def fails(program, package_path):
        raise RuntimeError('no compiler\nhere')

    monkeypatch.setattr(torch._inductor, 'aoti_compile_and_package', fails)
    with pytest.warns(Sparse3DWarning, match='layer has no row of AOTInductor.*no compiler'):
        assert exported_graphs._compiled('layer', None, tmp_path) is None


@pytest.mark.slow
def test_eager_and_compiled_programs_run_in_a_process(graph, tmp_path):
    model, one = graph
    write_folder(model, [one], tmp_path / 'float32')
    files = list(exported_graphs._files(one, tmp_path, {
        'layer.onnx': {'x': one.samples[0].inputs['x'].numpy()}}))
    inputs = {'x': one.samples[0].inputs['x'].numpy()}
    for _, way, file, _ in files[:2]:
        assert exported_graphs.in_process(way, file, inputs, 1, 2)['milliseconds'] > 0


@pytest.mark.slow
def test_a_frame_is_measured_stage_by_stage(graph, tmp_path):
    detector = tiny_detector('anchors', pillars=True)
    write_folder(detector, voxel_graphs(detector, None), tmp_path / 'out')
    rows = exported_graphs.stage_rows('A', detector, load_config('second_simulated_kitti_car'),
                                      tmp_path / 'out', cloud(300), (1, 2))
    assert [row['name'] for row in rows] == [
        f'A, stages, {stage}: latency' for stage in (
            'voxelization', 'pillar_detector', 'between and behind graphs')]
    assert all(0 <= row['value'] < 1000 for row in rows)


def test_where_the_system_says_nothing_of_memory_nothing_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(graph_process, 'STATUS', tmp_path / 'none')
    assert graph_process.resident('VmRSS') is None


def test_benchmarks_of_exports_are_offered():
    names = [name for name in offers('benchmarks') if name.startswith('exported_')]
    assert len(names) == 5
