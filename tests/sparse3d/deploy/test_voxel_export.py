"""Whole voxel detectors as one graph: equal to PyTorch, and to what the detector predicts."""
from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes

from sparse3d.deploy.export_folder import write_folder
from sparse3d.deploy.folder import verify
from sparse3d.deploy.voxel_export import voxel_graphs
from sparse3d.deploy.voxel_inputs import voxels_of
from sparse3d.errors import ConfigError, DataError
from tiny_voxel_detectors import HEADS, cloud, tiny_detector


@pytest.fixture
def files(tmp_path):
    """Two clouds as files."""
    paths = [tmp_path / f'{name}.bin' for name in ('many', 'few')]
    for path, points in zip(paths, (cloud(400), cloud(30, seed=5)), strict=True):
        points.numpy().tofile(path)
    return paths


def exported(detector, files, folder, **options):
    graphs = voxel_graphs(detector, None, files, **options)
    report = write_folder(detector, graphs, folder)
    entry, = json.loads((folder / 'export.json').read_text())['graphs']
    return report, entry


@torch.no_grad()
def predicted(detector, points):
    batch = detector.data_preprocessor({'inputs': {'points': [points]}, 'data_samples': [
        Det3DDataSample(metainfo=dict(box_type_3d=LiDARInstance3DBoxes))]}, False)
    return detector.predict(batch['inputs'], batch['data_samples'])[0].pred_instances_3d


@pytest.mark.slow
@pytest.mark.parametrize('head', HEADS)
def test_a_sparse_detector_equals_pytorch_and_its_own_predictions(head, files, tmp_path):
    detector = tiny_detector(head)
    report, entry = exported(detector, files, tmp_path / 'out')
    assert [case['name'] for case in entry['cases']] == ['many.bin', 'few.bin', 'one voxel',
                                                         'no voxel']
    assert len(report.compared) == 4 and entry['domains'] == ['autoware']
    assert entry['inputs']['voxels'] == dict(type='float32', shape=['M', 3, 4])
    run = verify.runner(tmp_path / 'out', entry)
    points = cloud(200, seed=9)  # not a sample of the folder
    found = run({name: value.numpy() for name, value in voxels_of(detector, points).items()})
    boxes, scores = found['boxes'], found['scores'].reshape(-1, found['scores'].shape[-1])
    wanted = predicted(detector, points)
    assert len(wanted.scores_3d) >= (3 if head == 'queries' else 5)
    for box, score in zip(wanted.bboxes_3d.tensor.numpy(), wanted.scores_3d.numpy(), strict=True):
        apart = np.abs(boxes - box)
        turned = apart[:, 6] % (2 * np.pi)
        apart[:, 6] = np.minimum(turned, 2 * np.pi - turned)
        same = apart.max(1) < 2e-3
        assert same.any() and np.abs(scores[same] - score).min() < 1e-4


@pytest.mark.slow
def test_pillars_need_onnx_runtime_alone(files, tmp_path):
    _, entry = exported(tiny_detector('anchors', pillars=True), files, tmp_path / 'out')
    assert entry['needs'] == ['numpy', 'onnxruntime'] and entry['domains'] == []
    assert not (tmp_path / 'out' / 'reference_operators.py').exists()
    assert [case['name'] for case in entry['cases']][-2:] == ['one voxel', 'no voxel']


@pytest.mark.slow
def test_bias_and_activation_may_stand_outside_for_older_plug_ins(files, tmp_path):
    _, entry = exported(tiny_detector(), files, tmp_path / 'out', fused=False)
    nodes = onnx.load(tmp_path / 'out' / entry['file']).graph.node
    gemms = [node for node in nodes if node.op_type == 'ImplicitGemm']
    assert gemms and all(len(node.input) == 5 for node in gemms)
    assert not any(field.name == 'act_type' for node in gemms for field in node.attribute)


@pytest.mark.slow
def test_residual_encoders_have_nodes(files, tmp_path):
    encoder = dict(block_type='basicblock', encoder_channels=((4, 8), (8, 8), (8, 8)),
                   encoder_paddings=((1, 1), (1, 1), (1, 1)), base_channels=4)
    detector = tiny_detector(encoder=encoder)
    _, entry = exported(detector, files, tmp_path / 'out')
    assert 'autoware::ImplicitGemm' in entry['operators']


def test_what_has_no_graph_is_named(tmp_path):
    detector = tiny_detector()
    detector.voxel_encoder = torch.nn.Linear(1, 1)
    with pytest.raises(ConfigError, match='the voxel encoder Linear has no graph'):
        voxel_graphs(detector, None)
    detector = tiny_detector()
    detector.middle_encoder.conv_input = None
    with pytest.raises(ConfigError, match='is no SparseEncoder of plain convolutions'):
        voxel_graphs(detector, None)
    with pytest.raises(ConfigError, match='Linear has no voxel_encoder'):
        voxel_graphs(torch.nn.Linear(1, 1), None)
    detector = tiny_detector()
    detector.bbox_head = torch.nn.Linear(1, 1)
    with pytest.raises(ConfigError, match='no graph of boxes is known for the head Linear'):
        voxel_graphs(detector, None)


def test_a_cloud_out_of_range_is_refused(tmp_path):
    (cloud(20) + 1000).numpy().tofile(tmp_path / 'far.bin')
    with pytest.raises(DataError, match='far.bin has no point in the range'):
        voxel_graphs(tiny_detector(), None, [tmp_path / 'far.bin'])
