"""A folder in another precision verifies itself, and says how far it is apart."""
from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sparse3d.deploy.export_folder import write_folder
from sparse3d.deploy.folder import verify
from sparse3d.deploy.graphs import CommonRows, Graph, Sample
from sparse3d.deploy.lowered_folder import lower_folder
from sparse3d.deploy.onnx_files import to_onnx
from sparse3d.errors import ConfigError, DataError
from sparse3d.plugins import ExportedGraph


class Best(torch.nn.Module):
    """Scores of rows, and the highest of them."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(16, 1, bias=False)
        self.layer.weight.data *= scale

    def forward(self, inputs):
        values, rows = self.layer(inputs['x'])[:, 0].topk(20)
        return {'values': values, 'rows': rows}


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    return exported(Best(), tmp_path_factory.mktemp('whole') / 'out')


def exported(model: Best, out: Path) -> Path:
    random = torch.Generator().manual_seed(1)
    samples = [Sample('drawn', {'x': torch.randn(40, 16, generator=random)})]
    stated = ExportedGraph('best', 'the highest', {'x': (40, 16)},
                           {'values': (20, ), 'rows': (20, )})
    graph = Graph(stated, to_onnx(model, samples[0].inputs), model, samples, ('layer.', ),
                  rows_by=CommonRows('rows', ('values', 'rows')))
    write_folder(model, [graph], out)
    return out


@pytest.mark.parametrize('precision', ['float16', 'int8_dynamic', 'int8_static'])
def test_differences_are_written_down_and_hold(folder, precision, tmp_path):
    frames = {'best': [{'x': np.random.default_rng(2).normal(size=(40, 16)).astype(np.float32)}]}
    report = lower_folder(folder, tmp_path / 'out', precision, frames, dict(calibration='one'))
    about = json.loads((tmp_path / 'out' / 'export.json').read_text())
    graph, = about['graphs']
    assert about['precision'] == graph['precision'] == precision
    assert about['calibration'] == 'one'
    assert 0 < graph['differences']['values'] < 0.2 and graph['differences']['rows'] == 0
    assert graph['tolerance'] >= 1e-3 and graph['rows_by']['share'] <= 0.98
    assert [case for _, case, _ in report.compared] == ['drawn']
    assert (tmp_path / 'out' / 'best.onnx').read_bytes() != (folder / 'best.onnx').read_bytes()
    assert hashlib.sha256((tmp_path / 'out' / 'best.onnx').read_bytes()).hexdigest() \
        == about['sha256']['best.onnx']
    assert verify.check_folder(tmp_path / 'out')


def test_what_overflows_is_refused_and_nothing_is_written(tmp_path):
    folder = exported(Best(scale=1e6), tmp_path / 'whole')
    with pytest.raises(DataError, match='values of best.onnx is not finite in float16 .drawn'):
        lower_folder(folder, tmp_path / 'out', 'float16')
    assert not (tmp_path / 'out').exists()


def test_graphs_of_other_operators_stay(folder, tmp_path):
    with pytest.raises(ConfigError, match='no frame of the data reached the graph best'):
        lower_folder(folder, tmp_path / 'out', 'int8_static', {})
    about = json.loads((folder / 'export.json').read_text())
    about['graphs'][0]['domains'] = ['autoware']
    sparse = tmp_path / 'sparse'
    sparse.mkdir()
    (sparse / 'export.json').write_text(json.dumps(about))
    with pytest.raises(ConfigError, match='all graphs of the export have operators that ONNX'):
        lower_folder(sparse, tmp_path / 'out', 'float16')
