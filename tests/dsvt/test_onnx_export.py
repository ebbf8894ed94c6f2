"""The exported part equals the detector, in PyTorch and in ONNX Runtime, at other sizes."""
from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from dsvt.deployable import DeployableDSVT
from dsvt.onnx_export import engine_inputs, export_detector
from sparse3d.errors import ConfigError, DataError


@torch.no_grad()
def head_maps(detector, points):
    batch = detector.data_preprocessor({'inputs': {'points': points}, 'data_samples': None}, False)
    return detector(**batch, mode='tensor')['head']


@pytest.mark.parametrize('counts', [(300, ), (150, 400), (0, 3)])
def test_the_deployable_part_equals_the_detector(tiny_detector, clouds, counts):
    detector, points = tiny_detector(), clouds(*counts)
    model = DeployableDSVT(detector, len(counts))
    with torch.no_grad():
        found = model(engine_inputs(detector, model, points))
    for name, values in head_maps(detector, points).items():
        torch.testing.assert_close(found[name], values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('kind', ['pillar', 'voxel'])
def test_published_models(small_model, kind):
    detector = small_model(kind, published=True)
    points = [torch.rand(500, 5) * torch.tensor([20, 14, 6, 1, 1.]) -
              torch.tensor([10, 7, 2, 0, 0.])]
    model = DeployableDSVT(detector)
    with torch.no_grad():
        found = model(engine_inputs(detector, model, points))
    for name, values in head_maps(detector, points).items():
        torch.testing.assert_close(found[name], values, rtol=1e-5, atol=1e-5)


@pytest.fixture(scope='module')
def packages():
    for name in ('onnx', 'onnxruntime', 'onnxscript'):
        pytest.importorskip(name, reason=f'{name} is not installed (extra: export)')


def test_onnx_runtime_agrees_at_other_sizes(packages, tiny_detector, clouds, tmp_path):
    path = tmp_path / 'dsvt.onnx'
    report = export_detector(tiny_detector(), clouds(300, 100, 700, 1), path)
    assert path.stat().st_size > 10_000
    assert len(report.differences) == 4
    assert max(report.differences.values()) < 1e-5
    assert 'Softmax' in report.operators
    voxels = report.example['features'][0]
    assert f'--maxShapes=features:{round(voxels * 1.75)}x8,voxels_0_plain:2x' in (
        report.trtexec_shapes())


def test_nothing_is_written_where_results_differ(packages, tiny_detector, clouds, tmp_path,
                                                 monkeypatch):
    wrong = SimpleNamespace(
        get_outputs=lambda: [SimpleNamespace(name='hm')],
        run=lambda names, inputs: [torch.full((1, 1, 16, 24), 1e3).numpy()])
    monkeypatch.setattr('onnxruntime.InferenceSession', lambda *args, **kwargs: wrong)
    monkeypatch.setattr('dsvt.onnx_export.to_onnx', lambda *args: (b'content', ()))
    with pytest.raises(DataError, match='ONNX Runtime and PyTorch differ'):
        export_detector(tiny_detector(), clouds(50), tmp_path / 'dsvt.onnx')
    assert not (tmp_path / 'dsvt.onnx').exists()


def test_other_encoders_are_refused():
    with pytest.raises(ConfigError, match='only detectors with a DSVTEncoder'):
        DeployableDSVT(torch.nn.Linear(1, 1))
