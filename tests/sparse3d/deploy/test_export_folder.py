"""A folder is whole and verified, or not there."""
from __future__ import annotations

import json
from dataclasses import replace

import onnx
import pytest
import torch
from torch import nn

from sparse3d.deploy.export_folder import (
    export_folder,
    refuse_parts,
    refuse_uncovered,
    refuse_unstated,
    write_folder,
)
from sparse3d.deploy.graphs import Graph, Sample
from sparse3d.deploy.onnx_files import to_onnx
from sparse3d.deploy.voxel_statement import SPARSE_DETECTOR
from sparse3d.errors import ConfigError, DataError, PluginError
from sparse3d.plugins import ExportedGraph

STATED = ExportedGraph(name='line', summary='a line', inputs={'x': ('N', 2)},
                       outputs={'y': ('N', 3)}, dynamic=('N', ))


class Line(nn.Module):
    """y = W x."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 3)

    def forward(self, inputs):
        return {'y': self.layer(inputs['x'])}


@pytest.fixture(scope='module')
def line():
    torch.manual_seed(0)
    model = Line().eval()
    samples = [Sample('five', {'x': torch.randn(5, 2)}), Sample('two', {'x': torch.randn(2, 2)})]
    content = to_onnx(model, samples[0].inputs, {'x': {0: torch.export.Dim.DYNAMIC}})
    return model, Graph(STATED, content, model, samples, ('layer.', ), {'x': {0: 'N'}})


def test_a_folder_has_all_that_its_check_needs(line, tmp_path):
    model, graph = line
    report = write_folder(model, [graph], tmp_path / 'out', dict(config='a_config'))
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        'export.json', 'line.npz', 'line.onnx', 'verify.py']
    about = json.loads((tmp_path / 'out' / 'export.json').read_text())
    assert about['config'] == 'a_config' and set(about['sha256']) == {
        'line.npz', 'line.onnx', 'verify.py'}
    entry, = about['graphs']
    assert entry['inputs'] == {'x': dict(type='float32', shape=['N', 2])}
    assert entry['needs'] == ['numpy', 'onnxruntime'] and entry['opset'] == 18
    assert len(report.compared) == 2 and report.path == tmp_path / 'out'
    assert max(report.differences.values()) == max(row[2] for row in report.compared)
    assert any('line.onnx: inputs x Nx2' == line for line in report.sentences())


def test_a_graph_that_differs_leaves_nothing(line, tmp_path):
    model, graph = line
    wrong = replace(graph, reference=lambda inputs: {'y': model(inputs)['y'] + 1})
    with pytest.raises(DataError, match='line.onnx, five: y differs from PyTorch by 1, more than'):
        write_folder(model, [wrong], tmp_path / 'out')
    assert list(tmp_path.iterdir()) == []


def test_parameters_in_no_graph_are_refused(line, tmp_path):
    model, graph = line
    whole = nn.Module()
    whole.layer, whole.head = model.layer, nn.Linear(1, 1)
    with pytest.raises(ConfigError, match=r'parameters of head of Module are in no graph \(line'):
        write_folder(whole, [graph], tmp_path / 'out')
    refuse_uncovered(whole, [graph, replace(graph, covers=('head.', ))])
    refuse_uncovered(whole, [replace(graph, training_alone=('head.', ))])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('change, words', [
    (dict(inputs={'x': (5, 2)}), r"input x of the graph line has the axes \['N', 2\]"),
    (dict(inputs={'z': ('N', 2)}), 'no input z and x that its contract does not name'),
    (dict(outputs={'z': ('N', 2)}), 'no output z and y that'),
    (dict(opset=17), 'has opset 18 .* its contract says 17'),
    (dict(domains=('autoware', )), r"contract says 18 and \['autoware'\]")])
def test_a_graph_is_held_to_its_contract(line, tmp_path, change, words):
    model, graph = line
    with pytest.raises(PluginError, match=words):
        write_folder(model, [replace(graph, stated=replace(STATED, **change))], tmp_path / 'out')
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_no_contract_states_is_refused(line, tmp_path):
    model, graph = line
    with pytest.raises(PluginError, match='no installed plug-in says that it exports the graphs '
                                          'line as they'):
        export_folder('pointpillars_simulated_kitti_car', None, tmp_path / 'out',
                      lambda *_: [graph])
    assert list(tmp_path.iterdir()) == []
    refuse_unstated([replace(graph, stated=SPARSE_DETECTOR)])
    with pytest.raises(PluginError, match='the graphs detector as they'):
        refuse_unstated([replace(graph, stated=replace(SPARSE_DETECTOR, tolerance=1.0))])


def test_the_tolerance_is_that_of_the_contract(line, tmp_path):
    model, graph = line
    near = replace(graph, reference=lambda inputs: {'y': model(inputs)['y'] + 1e-3},
                   stated=replace(STATED, tolerance=1e-4))
    with pytest.raises(DataError, match='more than 0.0001'):
        write_folder(model, [near], tmp_path / 'out')
    assert onnx.load_from_string(graph.content).opset_import[0].version == 18


def test_a_part_that_says_what_stops_it_is_named():
    model = nn.ModuleDict(dict(backbone=nn.Linear(1, 1)))
    refuse_parts(model)
    model['backbone'].not_exported = 'it changes'
    with pytest.raises(ConfigError, match='backbone is a Linear, which is not exported: it chang'):
        refuse_parts(model)
