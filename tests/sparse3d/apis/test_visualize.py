from __future__ import annotations

import pytest
import torch

from sparse3d.apis import build_model, load_config, visualize
from sparse3d.apis.sample_frames import frame_of_sample
from sparse3d.errors import BackendUnavailable, CheckpointError, ConfigError


@pytest.fixture
def no_open3d(monkeypatch):
    import sys
    module = sys.modules['sparse3d.apis.visualize']

    def unavailable(**options):
        raise BackendUnavailable('open3d cannot render here')

    monkeypatch.setattr(module, 'SceneRenderer', unavailable)


@pytest.fixture
def checkpoint(tiny_config, tmp_path):
    path = tmp_path / 'model.pth'
    torch.save(build_model(load_config(tiny_config)).state_dict(), path)
    return path


def test_pictures_of_data_and_detections(tiny_config, checkpoint, tmp_path, no_open3d, caplog):
    paths = visualize(tiny_config, checkpoint, tmp_path / 'out', frames=2)
    assert [path.name for path in paths] == [
        '000000_bev.png', '000000_all.png', '000003_bev.png', '000003_all.png']
    assert all(path.is_file() for path in paths)
    assert 'no 3D views: open3d cannot render here' in caplog.text


def test_3d_views_too(tiny_config, tmp_path):
    from sparse3d.visualization.scene_3d import rendering_problem
    if rendering_problem() is not None:
        pytest.skip(rendering_problem())
    paths = visualize(tiny_config, out=tmp_path, frames=[2], split='train')
    assert [path.name for path in paths] == ['000002_3d.png', '000002_bev.png', '000002_all.png']


def test_a_frame_holds_truth_and_detections_above_the_score(tiny_config):
    from mmdet3d.registry import DATASETS
    config = load_config(tiny_config)
    dataset = DATASETS.build(config.test_dataloader.dataset)
    model = build_model(config)
    sample = dataset[1]
    from mmengine.dataset import pseudo_collate
    prediction = model.test_step(pseudo_collate([sample]))[0]
    frame = frame_of_sample(dataset, 1, sample, prediction, score_threshold=0.5)
    assert frame.points.shape == (50, 4) and frame.class_names == ('Car', 'Cyclist')
    assert len(frame.detections) == 1 and frame.ground_truth.labels.tolist() == [1]
    assert len(frame_of_sample(dataset, 1, sample, prediction, 0.95).detections) == 0
    assert frame_of_sample(dataset, 1, sample).detections is None


def test_what_cannot_be_drawn(tiny_config, checkpoint, tmp_path, no_open3d):
    with pytest.raises(ConfigError, match='frame 9 does not exist: .* 0 to 3'):
        visualize(tiny_config, out=tmp_path, frames=[9])
    with pytest.raises(CheckpointError, match='hidden.weight'):
        visualize(tiny_config, checkpoint, tmp_path, cfg_options={'model.width': 3})
    config = load_config(tiny_config)
    config.val_dataloader = None
    with pytest.raises(ConfigError, match='no val_dataloader'):
        visualize(config, out=tmp_path, split='val')


def test_no_frames(tiny_config, tmp_path, no_open3d):
    assert visualize(tiny_config, out=tmp_path, frames=0) == []
