"""The exported part equals the detector, in PyTorch and in ONNX Runtime."""
from __future__ import annotations

import warnings

import pytest
import torch

from sparse3d.deploy.export import export
from sparse3d.engine.load_config import load_config
from sparse3d.errors import ConfigError, DataError
from sparse_dense_fusion.deployable import DeployableFusion
from sparse_dense_fusion.onnx_export import (
    CASES,
    drawn_cases,
    export_detector,
    image_size_of,
    padded_size,
)

SIZE = (64, 96)
BRANCHES = {'both': (True, True), 'dense': (True, False), 'sparse': (False, True),
            'none': (False, False)}


@pytest.fixture(scope='module')
def packages():
    for name in ('onnx', 'onnxruntime', 'onnxscript'):
        pytest.importorskip(name, reason=f'{name} is not installed (extra: export)')


@pytest.mark.parametrize('branches', BRANCHES)
@pytest.mark.parametrize('meta', [{}, dict(image_valid=[True, False])], ids=['all', 'one camera'])
def test_the_deployable_part_equals_the_detector(tiny_model, draw_batch, stirred, branches, meta):
    detector = stirred(tiny_model(*BRANCHES[branches])).eval()
    data = detector.data_preprocessor(draw_batch(1, **meta))
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        scene = detector.extract_feat(data['inputs'], data['data_samples'])
        expected = detector.detect(scene).found
        model = DeployableFusion(detector, SIZE)
        found = model(model.inputs_of(scene.bev, scene.images, scene.points, scene.rig))
    codes = detector.bbox_head.coder.stack(expected.layers[-1])[0]
    order = (expected.peaks.labels * 256 + expected.peaks.cells)[0].argsort()
    torch.testing.assert_close(found['codes'][0], codes[order], rtol=1e-4, atol=1e-4)
    assert found['scores'].shape == (1, 12, 2)
    if detector.query_fusion is not None:
        assert detector.query_fusion.backend == 'auto'  # it is left as it is


@pytest.mark.slow
@pytest.mark.parametrize('branches', BRANCHES)
def test_onnx_runtime_agrees(packages, tiny_model, stirred, tmp_path, branches):
    path = tmp_path / 'fusion.onnx'
    detector = stirred(tiny_model(*BRANCHES[branches])).eval()
    report = export_detector(detector, (60, 90), path)
    assert path.stat().st_size > 10_000 and report.path == path
    assert max(report.differences.values()) < 1e-2
    assert set(report.differences) == set(CASES if branches != 'none' else CASES[:1])
    assert report.shapes['bev'] == (1, 32, 16, 16)
    if branches == 'both':
        assert report.shapes['level_2'] == (6, 16, 4, 6) and report.shapes['cells'] == (10, 144)
        assert {'GridSample', 'TopK'} <= set(report.operators)
        assert any('one camera missing' in sentence for sentence in report.sentences())


def test_the_cases_differ_and_answers_follow(tiny_model, stirred):
    detector = stirred(tiny_model()).eval()
    model = DeployableFusion(detector, SIZE)
    with torch.no_grad():
        answers = [model(inputs)['codes'] for inputs in drawn_cases(detector, model, SIZE).values()]
    assert (answers[0] - answers[1]).abs().max() > 1e-3


def test_sizes_come_from_the_config(tiny_model):
    assert image_size_of(load_config('sdf_r50_nuscenes')) == (448, 800)
    assert image_size_of(load_config('sdf_simulated_nuscenes')) == (96, 192)
    assert image_size_of(load_config('sdf_lidar_only_simulated_nuscenes')) == (32, 32)
    assert padded_size(tiny_model(), (90, 160)) == (96, 160)


def test_what_cannot_be_exported_is_named(packages, tmp_path, tiny_model, monkeypatch):
    with pytest.raises(ConfigError, match='leave the point clouds out'):
        export('sdf_simulated_nuscenes', None, tmp_path / 'x.onnx', ['cloud.bin'])
    with pytest.raises(ConfigError, match='not a Linear'):
        export_detector(torch.nn.Linear(1, 1), SIZE, tmp_path / 'x.onnx')
    monkeypatch.setattr('sparse_dense_fusion.onnx_export.OnnxComparison.difference', _differs)
    monkeypatch.setattr('sparse_dense_fusion.onnx_export.to_onnx', lambda *_: (b'', ()))
    monkeypatch.setattr('sparse_dense_fusion.onnx_export.OnnxComparison.__init__',
                        lambda *_: None)
    with pytest.raises(DataError, match='differ'):
        export_detector(tiny_model().eval(), SIZE, tmp_path / 'x.onnx')
    assert not (tmp_path / 'x.onnx').exists()


def _differs(self, inputs, what):
    raise DataError(f'ONNX Runtime and PyTorch differ on {what}')
