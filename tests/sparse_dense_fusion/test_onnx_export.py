"""The exported part equals the detector, in PyTorch and in ONNX Runtime."""
from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from sparse3d.deploy.export import export
from sparse3d.deploy.export_folder import write_folder
from sparse3d.deploy.voxel_inputs import drawn_voxels
from sparse3d.engine.load_config import load_config
from sparse3d.errors import ConfigError
from sparse_dense_fusion.deployable import DeployableFusion, ImageEncoder
from sparse_dense_fusion.onnx_export import (
    CASES,
    FUSED,
    IMAGES,
    LIDAR,
    drawn_scenes,
    graphs_on,
    image_size_of,
    levels_of,
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
    boxes, scores = detector.bbox_head.decoded(expected.layers[-1], expected.peaks)
    numbers = (expected.peaks.labels * 256 + expected.peaks.cells)[0]
    order = found['peaks'].argsort()
    torch.testing.assert_close(found['peaks'][order], numbers.sort().values)
    for name, value in (('boxes', boxes[0]), ('scores', scores[0])):
        torch.testing.assert_close(found[name][order], value[numbers.argsort()], rtol=1e-4,
                                   atol=1e-4)
    assert found['scores'].shape == (12, 2)
    if detector.query_fusion is not None:
        assert detector.query_fusion.backend == 'auto'  # it is left as it is


def test_images_are_prepared_as_by_the_preprocessor(tiny_model):
    images = torch.randint(0, 256, (2, 3, 60, 90)).float()
    detector = tiny_model(data_preprocessor=dict(
        type='Det3DDataPreprocessor', mean=[110.0, 120.0, 130.0], std=[60.0, 61.0, 62.0],
        bgr_to_rgb=True, pad_size_divisor=32)).eval()
    with torch.no_grad():
        found = ImageEncoder(detector).eval()({'images': images})
    expected = levels_of(detector)({'images': images})
    assert found.keys() == expected.keys() and found['level_0'].shape[-2:] == (16, 24)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)


def of_usual_size(detector):
    """Statistics of a sweep, so that the LiDAR's map is about 1 as after a training."""
    voxels = drawn_voxels(detector, 5, ())['drawn sweep']
    for module in detector.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = 1.0
    detector.train()
    with torch.no_grad():
        detector.lidar_map(dict(voxels=voxels['voxels'], num_points=voxels['num_points'],
                                coors=voxels['coordinates']), 1, 'cpu')
    return detector.eval()


@pytest.mark.slow
@pytest.mark.parametrize('branches', BRANCHES)
def test_onnx_runtime_agrees(packages, tiny_model, stirred, tmp_path, branches):
    detector = of_usual_size(stirred(tiny_model(*BRANCHES[branches])))
    report = write_folder(detector, graphs_on(detector, (60, 90)), tmp_path / 'out')
    entries = {entry['file']: entry for entry in report.graphs}
    encoder = [] if branches == 'none' else ['image_encoder.onnx']
    assert list(entries) == ['lidar_map.onnx', *encoder, 'fusion.onnx']
    cases = {name: [case['name'] for case in entry['cases']] for name, entry in entries.items()}
    assert cases['fusion.onnx'] == list(CASES if encoder else CASES[:1])
    assert {'one voxel', 'no voxel'} <= set(cases['lidar_map.onnx'])
    assert 'autoware::ImplicitGemm' in entries['lidar_map.onnx']['operators']
    with np.load(report.path / 'lidar_map.npz') as samples:
        assert np.abs(samples['drawn sweep/out/bev']).max() > 1
        assert not samples['no voxel/out/bev'].any()
    fusion = entries['fusion.onnx']
    shapes = {name: about['shape'] for name, about in fusion['inputs'].items()}
    assert shapes['bev'] == entries['lidar_map.onnx']['outputs']['bev']['shape'] == [1, 32, 16, 16]
    if branches == 'both':
        assert shapes['level_2'] == [6, 16, 4, 6] and shapes['cells'] == [10, 144]
        assert {'GridSample', 'TopK'} <= set(fusion['operators']) and not fusion['domains']


def test_every_parameter_is_covered_once(tiny_model):
    detector = tiny_model()
    for name, _ in detector.named_parameters():
        assert sum(name.startswith(each) for each in (LIDAR, IMAGES, FUSED)) == 1, name


def test_the_cases_differ_and_answers_follow(tiny_model, stirred):
    detector = stirred(tiny_model()).eval()
    with torch.no_grad():
        one, other = (detector.detect(scene).found.layers[-1]['center']
                      for scene in drawn_scenes(detector, SIZE).values())
    assert (one - other).abs().max() > 1e-3


def test_sizes_come_from_the_config(tiny_model):
    assert image_size_of(load_config('sdf_r50_nuscenes')) == (448, 800)
    assert image_size_of(load_config('sdf_simulated_nuscenes')) == (96, 192)
    assert image_size_of(load_config('sdf_lidar_only_simulated_nuscenes')) == (32, 32)
    assert padded_size(tiny_model(), (90, 160)) == (96, 160)


def test_what_cannot_be_exported_is_named(packages, tmp_path, tiny_model):
    with pytest.raises(ConfigError, match="cameras_only_simulated_nuscenes cannot be exported: it "
                                          "holds the LiDAR's parts"):
        export('sdf_cameras_only_simulated_nuscenes', None, tmp_path / 'x')
    with pytest.raises(ConfigError, match='not a Linear'):
        graphs_on(torch.nn.Linear(1, 1), SIZE)
    with pytest.raises(ConfigError, match='takes a sensor away'):
        graphs_on(tiny_model(use_cameras=False).eval(), SIZE)
    assert not (tmp_path / 'x').exists()
