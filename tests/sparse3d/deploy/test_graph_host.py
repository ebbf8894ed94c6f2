"""Graphs in place of PyTorch's parts: of the same weights, whole, and of the shapes of the data."""
from __future__ import annotations

import json

import pytest
import torch

from sparse3d.deploy.export_folder import write_folder
from sparse3d.deploy.graph_host import opened_graphs, use_graphs
from sparse3d.deploy.graphs import Graph, Sample
from sparse3d.deploy.onnx_files import to_onnx
from sparse3d.deploy.weights_sum import weights_sum
from sparse3d.engine.load_config import load_config
from sparse3d.errors import ConfigError, DataError
from sparse3d.plugins import ExportedGraph, plugins


class Doubled(torch.nn.Module):
    """Twice as much."""

    def forward(self, inputs):
        return {'y': 2 * inputs['x']}


@pytest.fixture
def folder(tmp_path):
    stated = ExportedGraph('doubled', 'twice', {'x': ('N', 3)}, {'y': ('N', 3)}, ('N', ))
    sample = Sample('ones', {'x': torch.ones(2, 3)})
    content = to_onnx(Doubled(), sample.inputs, {'x': {0: torch.export.Dim.DYNAMIC}})
    write_folder(Doubled(), [Graph(stated, content, Doubled(), [sample], (), {'x': {0: 'N'}})],
                 tmp_path / 'out', dict(weights=weights_sum(Doubled()), config='a',
                                        checkpoint='a.pth'))
    return tmp_path / 'out'


def test_graphs_run_on_tensors_of_the_shapes_that_were_exported(folder):
    run = opened_graphs(folder, Doubled())['doubled']
    found = run({'x': torch.full((5, 3), 2.0), 'more': torch.zeros(1)})
    assert torch.equal(found['y'], torch.full((5, 3), 4.0))
    with pytest.raises(DataError, match='doubled.onnx takes x of Nx3, and the data give 5x4'):
        run({'x': torch.zeros(5, 4)})


def test_other_weights_and_damaged_folders_are_refused(folder, tmp_path):
    with pytest.raises(ConfigError, match='other weights than the detector .they are of a, a.pth'):
        opened_graphs(folder, torch.nn.Linear(1, 1))
    with open(folder / 'doubled.onnx', 'ab') as stream:
        stream.write(b'a')
    with pytest.raises(DataError, match='no whole export: doubled.onnx is not the file'):
        opened_graphs(folder, Doubled())
    with pytest.raises(DataError, match='no whole export'):
        opened_graphs(tmp_path, Doubled())
    (folder / 'export.json').write_text(json.dumps(dict(graphs=1)))
    with pytest.raises(DataError, match='no whole export'):
        opened_graphs(folder, Doubled())


def test_a_plug_in_without_a_host_says_so():
    config = load_config('sdf_simulated_nuscenes')
    with pytest.raises(ConfigError, match='sparse_dense_fusion does not say how its detectors'):
        use_graphs(torch.nn.Linear(1, 1), config, {})


def test_hosts_are_those_of_exporters():
    for owner in plugins().values():
        assert set(owner.graph_hosts) <= set(owner.exporters), owner.name
