"""The exported part equals the detector, in PyTorch and in ONNX Runtime, at other sizes."""
from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope

from dsvt.deployable import DeployableDSVT
from dsvt.onnx_export import engine_inputs, export_detector
from sparse3d.errors import ConfigError, DataError

RANGE, SIZE = [0, -4, -2, 12, 4, 2], [0.5, 0.5, 0.5]


def tiny_detector():
    """Two stages with a pooling between, every kind of part once."""
    init_default_scope('mmdet3d')
    voxels = dict(max_num_points=-1, point_cloud_range=RANGE, voxel_size=SIZE, max_voxels=(-1, -1))
    return MODELS.build(dict(
        type='VoxelDetector',
        data_preprocessor=dict(type='Det3DDataPreprocessor', voxel=True, voxel_type='dynamic',
                               voxel_layer=voxels),
        voxel_encoder=dict(type='DynamicVoxelEncoder', in_channels=4, feat_channels=(8, 8),
                           voxel_size=SIZE, point_cloud_range=RANGE),
        middle_encoder=dict(type='DSVTEncoder', grid_shape=(24, 16, 8), channels=8, heads=2,
                            feedforward_channels=8, blocks=(1, 1),
                            window_shapes=((6, 6, 8), (6, 6, 1)), pool_strides=((1, 1, 8), ),
                            window_shift=(3, 3, 0), set_size=5),
        backbone=dict(type='ResidualBEVBackbone', in_channels=8, layer_nums=(1, ),
                      layer_strides=(1, ), out_channels=(8, ), upsample_strides=(1, ),
                      upsample_channels=(8, )),
        bbox_head=dict(type='IoUCenterHead', in_channels=8, num_classes=1, channels=8,
                       voxel_size=SIZE, point_cloud_range=RANGE, rectifier=(0.5, ),
                       nms_thresholds=(0.5, )))).eval()


def clouds(*counts):
    return [torch.rand(count, 4) * torch.tensor([12, 8, 4, 1.]) - torch.tensor([0, 4, 2, 0.])
            for count in counts]


@torch.no_grad()
def head_maps(detector, points):
    batch = detector.data_preprocessor({'inputs': {'points': points}, 'data_samples': None}, False)
    return detector(**batch, mode='tensor')['head']


@pytest.mark.parametrize('counts', [(300, ), (150, 400), (0, 3)])
def test_the_deployable_part_equals_the_detector(counts):
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


def test_onnx_runtime_agrees_at_other_sizes(packages, tmp_path):
    path = tmp_path / 'dsvt.onnx'
    report = export_detector(tiny_detector(), clouds(300, 100, 700, 1), path)
    assert path.stat().st_size > 10_000
    assert len(report.differences) == 4
    assert max(report.differences.values()) < 1e-5
    assert 'Softmax' in report.operators
    voxels = report.example['features'][0]
    assert f'--maxShapes=features:{round(voxels * 1.75)}x8,voxels_0_plain:2x' in (
        report.trtexec_shapes())


def test_nothing_is_written_where_results_differ(packages, tmp_path, monkeypatch):
    wrong = SimpleNamespace(
        get_outputs=lambda: [SimpleNamespace(name='hm')],
        run=lambda names, inputs: [torch.full((1, 1, 16, 24), 1e3).numpy()])
    monkeypatch.setattr('onnxruntime.InferenceSession', lambda *args, **kwargs: wrong)
    monkeypatch.setattr('dsvt.onnx_export._to_onnx', lambda *args: (b'content', ()))
    with pytest.raises(DataError, match='ONNX Runtime and PyTorch differ'):
        export_detector(tiny_detector(), clouds(50), tmp_path / 'dsvt.onnx')
    assert not (tmp_path / 'dsvt.onnx').exists()


def test_other_encoders_are_refused():
    with pytest.raises(ConfigError, match='only detectors with a DSVTEncoder'):
        DeployableDSVT(torch.nn.Linear(1, 1))
