"""The exported decoder equals the detector, in PyTorch and in ONNX Runtime."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sparse3d.deploy.export import export
from sparse3d.engine.load_config import load_config
from sparse3d.errors import ConfigError, DataError
from sparsebev.deployable import DeployableSparseBEV
from sparsebev.onnx_export import (
    CASES,
    drawn_cases,
    export_detector,
    image_size_of,
    padded_size,
)
from sparsebev.published_checkpoint import SAMPLING_AS_PUBLISHED

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'

HEADS = [{}, dict(published=SAMPLING_AS_PUBLISHED)]


@pytest.fixture(scope='module')
def packages():
    for name in ('onnx', 'onnxruntime', 'onnxscript'):
        pytest.importorskip(name, reason=f'{name} is not installed (extra: export)')


@pytest.mark.parametrize('valid', [None, [True, True, False, True]])
@pytest.mark.parametrize('head', HEADS, ids=['right', 'published'])
def test_the_deployable_part_equals_the_detector(build_detector, drive, batch_of, valid, head):
    if head and valid:  # published: camera 0 is read unless it is said to be missing
        head = dict(published=dict(SAMPLING_AS_PUBLISHED, view_choice=False))
    detector = build_detector(2, head=head)
    more = {} if valid is None else dict(image_valid=np.array(valid))
    batch = detector.data_preprocessor(batch_of(drive(2), 2, **more))
    with torch.no_grad():
        expected = detector(**batch, mode='tensor')
        views = detector.views(batch['inputs']['imgs'], batch['data_samples'])
        model = DeployableSparseBEV(detector.bbox_head, views.image_size)
        found = model(model.inputs_of(expected['features'], views))
    for name, values in found.items():
        torch.testing.assert_close(values, expected['head'][name][-1], rtol=1e-4, atol=1e-4)
    assert detector.bbox_head.layer.sampling.backend == 'auto'  # it is left as it is


@pytest.mark.parametrize('head', HEADS, ids=['right', 'published'])
def test_onnx_runtime_agrees(packages, build_detector, tmp_path, head):
    path = tmp_path / 'decoder.onnx'
    report = export_detector(build_detector(2, head=head), (60, 120), path)
    assert path.stat().st_size > 10_000 and report.path == path
    assert set(report.differences) == set(CASES) and max(report.differences.values()) < 1e-2
    assert report.shapes['lidar2img'] == (1, 2, 6, 4, 4) and report.shapes['age'] == (1, 2)
    assert report.shapes['map_0'] == (1, 12, 32, 16, 32)  # of images padded to 64 x 128
    assert {'MatMul', 'Softmax'} <= set(report.operators)
    assert any('one camera missing' in sentence for sentence in report.sentences())


def test_the_cases_differ_and_answers_follow(build_detector):
    detector = build_detector(2)
    model = DeployableSparseBEV(detector.bbox_head, (64, 128))
    with torch.no_grad():
        answers = [model(inputs)['logits'] for inputs in
                   drawn_cases(detector, model, (64, 128)).values()]
    assert (answers[0] - answers[1]).abs().max() > 1e-3


def test_sizes_come_from_the_config(build_detector):
    assert image_size_of(load_config(CONFIGS / 'sparsebev/sparsebev_r50_nuscenes.py')) == (256, 704)
    assert padded_size(build_detector(), (90, 160)) == (96, 160)


def test_what_cannot_be_exported_is_named(packages, tmp_path, build_detector, monkeypatch):
    config = CONFIGS / 'sparsebev/sparsebev_simulated_nuscenes.py'
    with pytest.raises(ConfigError, match='cameras alone'):
        export(config, None, tmp_path / 'x.onnx', ['cloud.bin'])
    with pytest.raises(ConfigError, match='no plug-in that exports .*voxelkp'):
        export(CONFIGS / 'voxelkp/voxelkp_waymo.py', None, tmp_path / 'x.onnx')
    with pytest.raises(ConfigError, match='not a Linear'):
        export_detector(torch.nn.Linear(1, 1), (64, 128), tmp_path / 'x.onnx')
    monkeypatch.setattr('sparsebev.onnx_export.OnnxComparison.difference', _differs)
    with pytest.raises(DataError, match='differ'):
        export_detector(build_detector(), (64, 128), tmp_path / 'x.onnx')
    assert not (tmp_path / 'x.onnx').exists()


def _differs(self, inputs, what):
    raise DataError(f'ONNX Runtime and PyTorch differ on {what}')


@pytest.mark.slow
def test_the_command_exports_the_small_config(packages, tmp_path):
    report = export(CONFIGS / 'sparsebev/sparsebev_simulated_nuscenes.py', None,
                         tmp_path / 'small.onnx')
    assert report.path.is_file() and max(report.differences.values()) < 1e-2
