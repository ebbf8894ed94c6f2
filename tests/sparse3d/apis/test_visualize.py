from __future__ import annotations

import warnings

import pytest
import torch

from sparse3d.apis import build_model, load_config, visualize
from sparse3d.apis import test as evaluate
from sparse3d.apis.sample_frames import frame_of_sample
from sparse3d.errors import BackendUnavailable, CheckpointError, ConfigError, Sparse3DWarning
from sparse3d.structures.point_statistics import PointStatistics


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


@pytest.mark.parametrize('verb', ['visualize', 'test'])
@pytest.mark.parametrize('known', [True, False])
def test_points_unlike_those_of_the_training_are_said_once(
        tiny_config, tmp_path, no_open3d, verb, known):
    training = PointStatistics(9, ('x', 'y', 'z', 'intensity'), (10, 50, 90), None, (0.1, 5, 100),
                               (0.0, 1e-5, 1e-4))
    path = tmp_path / 'model.pth'
    meta = {'point_statistics': training.to_meta()} if known else {}
    torch.save(dict(state_dict=build_model(load_config(tiny_config)).state_dict(), meta=meta), path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        if verb == 'test':
            evaluate(tiny_config, path, tmp_path / 'out')
        else:
            visualize(tiny_config, path, tmp_path / 'out', frames=3)
    said = [str(item.message) for item in caught if item.category is Sparse3DWarning]
    assert len(said) == known
    assert all('99 % of the intensities lie below' in text and 'of the training' in text
               for text in said)


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


@pytest.mark.parametrize('options, said', [
    (dict(frames=0), 'the number of frames is 0; give 1 or more'), (dict(frames=-3), 'is -3'),
    (dict(score_threshold=float('nan')), 'the score threshold is NaN'),
    (dict(html='scene.txt'), r'scene.txt would not be opened by its name; call it \*.html'),
    (dict(recording='a.html'), r'call it \*.rrd')])
def test_numbers_and_names_that_cannot_be(tiny_config, tmp_path, options, said):
    with pytest.raises(ConfigError, match=said):
        visualize(tiny_config, out=tmp_path / 'out', **options)
    assert not (tmp_path / 'out').exists()
