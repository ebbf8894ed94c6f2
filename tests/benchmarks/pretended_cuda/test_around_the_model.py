"""What stands around a model on the pretended GPU: detector, stream, training, metrics, files."""
from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest
import torch

from sparse3d.plugins import plugins

NAMES = [name for owner in plugins().values() for name in owner.trial_configs]
WITH_POINTS = 'voxelkp_simulated_waymo'


def cloud(columns):
    random = np.random.default_rng(0)
    points = random.uniform([0, -10, -1], [15, 10, 2], (500, 3))
    more = random.uniform(0, 0.5, (500, columns - 3))
    return np.column_stack([points, more]).astype(np.float32)


def test_a_detector_on_the_gpu(pretended_gpu):
    from sparse3d.apis import load_detector
    detector = load_detector(WITH_POINTS, device='cuda')
    points = cloud(detector.samples.columns)
    found = detector(points)
    assert next(detector.model.parameters()).is_cuda
    assert isinstance(found.boxes_3d, np.ndarray) and found.boxes_3d.dtype == np.float32
    for dtype in (torch.float16, torch.bfloat16):
        with torch.autocast('cuda', dtype):
            half = detector(points)
        assert half.boxes_3d.dtype == half.scores.dtype == np.float32


@pytest.mark.slow
def test_a_detector_takes_points_of_the_gpu(pretended_gpu):
    from sparse3d.apis import load_detector
    detector = load_detector(WITH_POINTS, device='cuda')
    points = cloud(detector.samples.columns)
    assert np.array_equal(detector(torch.from_numpy(points).to('cuda')).scores,
                          detector(points).scores)


@pytest.mark.slow
def test_the_default_device_is_the_gpu(pretended_gpu):
    from sparse3d.apis import load_detector
    assert next(load_detector(WITH_POINTS).model.parameters()).is_cuda


@pytest.mark.slow
def test_a_stream_on_the_gpu(pretended_gpu):
    from sparse3d.engine.trial_step import Trial
    from sparse3d.plugins import load, plugin_of
    from sparse3d.structures.camera_frame import CameraFrame
    trial = Trial.of('sparsebev_simulated_nuscenes')
    model = trial.model.to('cuda').eval()
    stream = load(plugin_of(model).stream)(model)
    for number in range(3):
        batch = trial.batch(seed=number)
        meta, views = batch['data_samples'][0].metainfo, trial.wanted.views // trial.wanted.frames
        frame = CameraFrame(
            images=batch['inputs']['img'][0][:views].float(),
            lidar2img=np.asarray(meta['lidar2img'][:views]), lidar2global=np.eye(4),
            timestamps=np.full(views, 0.5 * number), scene='a')
        with torch.no_grad():
            found = stream(frame)
        assert [each.instances.bboxes_3d.tensor.is_cuda for each in found] == [True]


@pytest.mark.parametrize('amp', [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_training_with_hooks_metrics_and_checkpoints(pretended_gpu, tiny_config, tmp_path, amp):
    from sparse3d.apis import test, train
    result = train(tiny_config, tmp_path, amp=amp)
    assert result.epochs == 4
    assert b'cuda' not in result.checkpoint.read_bytes()  # loads anywhere
    on_gpu = test(tiny_config, result.checkpoint, tmp_path / 'test')
    assert on_gpu['frames'] == 4


@pytest.mark.slow
def test_a_training_goes_on_from_a_checkpoint_of_the_gpu(pretended_gpu, tiny_config, tmp_path):
    from sparse3d.apis import train
    from sparse3d.checkpoints.open import read_any_checkpoint
    whole = train(tiny_config, tmp_path / 'whole')
    rest = train(tiny_config, tmp_path / 'rest', resume=tmp_path / 'whole' / 'epoch_2.pth')
    assert (whole.epochs, rest.epochs) == (4, 4)
    one, other = (read_any_checkpoint(result.checkpoint)['state_dict'] for result in (whole, rest))
    assert all(torch.allclose(one[key], other[key], atol=1e-6) for key in one)


def test_checkpoints_cross_devices(pretended_gpu, tmp_path):
    from sparse3d.checkpoints.open import load_weights, open_checkpoint
    from sparse3d.engine.trial_step import Trial
    trial = Trial.of(WITH_POINTS)
    on_cpu = trial.model
    on_gpu = copy.deepcopy(on_cpu).to('cuda')
    for name, source, target in (('up', on_cpu, on_gpu), ('down', on_gpu, on_cpu)):
        with torch.no_grad():
            for value in source.parameters():
                value.add_(1.0)
        torch.save({'state_dict': source.state_dict(), 'meta': {}}, tmp_path / f'{name}.pth')
        load_weights(target, open_checkpoint(tmp_path / f'{name}.pth'))
        for mine, other in zip(source.parameters(), target.parameters(), strict=True):
            assert torch.equal(mine.cpu(), other.cpu())
    assert all(value.is_cuda for value in on_gpu.state_dict().values())
    assert not any(value.is_cuda for value in on_cpu.state_dict().values())


@pytest.mark.slow
@pytest.mark.parametrize('name', ['dsvt_simulated_waymo', 'sparsebev_simulated_nuscenes'])
def test_an_exporter_refuses_a_detector_on_the_gpu(pretended_gpu, tmp_path, monkeypatch, name):
    from sparse3d.deploy import export_folder
    from sparse3d.deploy.export import export
    from sparse3d.engine.trial_step import Trial
    from sparse3d.errors import BackendUnavailable
    model = Trial.of(name).model.to('cuda').eval()
    monkeypatch.setattr(export_folder, 'build_model', lambda *_: model)
    with pytest.raises(BackendUnavailable, match=r'lies on cuda:0.*detector\.cpu\(\) first'):
        export(name, None, tmp_path / 'a')


@pytest.mark.parametrize('name', [pytest.param(
    name, marks=pytest.mark.slow) for name in NAMES])
def test_a_metric_is_fed_from_the_gpu(pretended_gpu, name):
    """What it keeps of the predictions holds nothing of the device: results travel by pickle."""
    from mmdet3d.registry import METRICS

    from sparse3d.engine.trial_step import Trial, prediction
    trial = Trial.of(name)
    trial.model.to('cuda')
    batch = trial.batch(samples=2)
    for index, sample in enumerate(batch['data_samples']):
        sample.set_metainfo(dict(
            sample_idx=index, token=str(index), context_name='a', timestamp_micros=index,
            timestamp=float(index), lidar2global=np.eye(4), lidar2ego=np.eye(4),
            ego2global=np.eye(4), lidar_path=f'{index}.bin', num_pts_feats=4))
    found = prediction(trial, batch)
    evaluator = copy.deepcopy(trial.config.val_evaluator)
    if evaluator.type == 'Argoverse2DetectionMetric':
        evaluator.region_of_interest = False  # the drawn frames are of no log with a map
    metric = METRICS.build(evaluator)
    metric.dataset_meta = dict(classes=trial.config.class_names, version='v1.0-trainval',
                               info_version=1)
    metric.process(batch, [sample.to_dict() for sample in found])
    assert len(metric.results) == 2
    assert b'DeviceTensor' not in pickle.dumps(metric.results)
    assert b'cuda' not in json.dumps(metric.results, default=str).encode()
