"""The exported parts equal the detector, in PyTorch and in ONNX Runtime, at other sizes."""
from __future__ import annotations

import json

import pytest
import torch

from dsvt.deployable import DeployableDSVT, DeployableVoxelEncoder
from dsvt.onnx_export import engine_inputs, graphs_on, points_of
from sparse3d.deploy.export_folder import write_folder
from sparse3d.errors import ConfigError


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


@pytest.mark.slow
def test_onnx_runtime_agrees_at_other_sizes(packages, tiny_detector, clouds, tmp_path):
    detector = tiny_detector()
    named = dict(zip(('300', '100', '700', '1'), clouds(300, 100, 700, 1), strict=True))
    report = write_folder(detector, graphs_on(detector, DeployableDSVT(detector), named),
                          tmp_path / 'out')
    assert len(report.compared) == 8  # two graphs, four clouds
    first, second = json.loads((tmp_path / 'out' / 'export.json').read_text())['graphs']
    assert (first['file'], second['file']) == ('voxel_encoder.onnx', 'dsvt.onnx')
    assert first['inputs']['points']['shape'] == ['P', 4]
    assert second['inputs']['voxels_0_plain']['shape'] == [2, 'length', 5]
    assert 'Softmax' in second['operators'] and first['domains'] == second['domains'] == []


@pytest.mark.parametrize('meters', [False, True])
def test_the_deployable_voxel_encoder_equals_the_detectors(tiny_detector, clouds, meters):
    detector = tiny_detector()
    detector.voxel_encoder.meters = meters
    cloud, = clouds(500)
    cloud[:20] += 100  # outside the range
    points, coordinates = points_of(detector, cloud)
    model = DeployableVoxelEncoder(detector.voxel_encoder)
    with torch.no_grad():
        inputs = model.inputs_of(points, coordinates)
        features, voxels = detector.voxel_encoder(points, coordinates)
        assert torch.equal(inputs['coordinates'], voxels)
        torch.testing.assert_close(model(inputs)['features'], features, rtol=1e-5, atol=1e-6)


def test_other_encoders_are_refused():
    with pytest.raises(ConfigError, match='only detectors with a DSVTEncoder'):
        DeployableDSVT(torch.nn.Linear(1, 1))
