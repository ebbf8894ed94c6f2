"""A pre-training's config from a detector's own."""
from __future__ import annotations

import pytest
from mmdet3d.registry import MODELS

from sparse3d.engine.load_config import load_config
from sparse3d.engine.pretraining_config import PretrainingOptions, pretraining_config
from sparse3d.errors import ConfigError


def made(name, **options):
    return pretraining_config(load_config(name), PretrainingOptions(**options))


def types(config):
    return [step['type'] for step in config.train_dataloader.dataset.pipeline]


def test_of_a_lidar_detector():
    config = made('centerpoint_simulated_kitti_car', epochs=3)
    model = config.model
    assert model.type == 'MaskedVoxelPretraining' and model.bev_channels == 160
    assert model.columns.stride == 4 and list(model.columns.shape) == [100, 128]
    assert model.point_channels == 4
    assert types(config) == ['LoadPoints', 'RandomFlip3D', 'GlobalRotScaleTrans',
                             'PointsRangeFilter', 'ShufflePoints', 'Pack3DDetInputs']
    assert config.left_out == ['LoadAnnotations3D', 'GroundTruthSampling', 'ObjectRangeFilter']
    assert config.train_dataloader.dataset.pipeline[-1]['keys'] == ['points']
    assert config.val_dataloader is None and config.train_cfg.max_epochs == 3
    MODELS.build(model)


def test_the_first_weights_of_a_release_are_the_detectors():
    config = load_config('transfusion_l_simulated_nuscenes')
    config.initial_weights = 'released'
    assert 'initial_weights' not in pretraining_config(config, PretrainingOptions())


def test_of_a_detector_with_balanced_classes_and_two_sensors():
    config = made('transfusion_l_simulated_nuscenes')
    assert config.model.type == 'MaskedVoxelPretraining'
    assert all('Image' not in name for name in types(config))
    with pytest.raises(ConfigError, match='no image backbone'):
        made('transfusion_l_simulated_nuscenes', kind='images')


@pytest.mark.parametrize('name', ['sparsebev_simulated_nuscenes',
                                  'sparsebev_object_seeking_256x704_simulated_nuscenes'])
def test_of_an_image_detector(name):
    config = made(name)
    model = config.model
    assert model.type == 'MaskedImagePretraining' and model.part == 'backbone'
    assert model.image_backbone['type'].endswith('ResNet') and model.patch == 16
    assert model.image_backbone['frozen_stages'] == -1 and not model.image_backbone['norm_eval']
    assert list(model.channels) == [32, 64, 128]  # of three stages
    assert not any('Annotation' in step or 'Point' in step for step in types(config))
    assert config.train_dataloader.dataset.pipeline[-1]['keys'] == ['img']
    detector, learned = MODELS.build(load_config(name).model.backbone), MODELS.build(model)
    wanted = {f'backbone.{key}' for key in detector.state_dict() if 'seeker' not in key}
    assert wanted == {key for key in learned.state_dict() if key.startswith('backbone.')}


def test_a_backbone_of_tokens_is_refused():
    with pytest.raises(ConfigError, match='holds a LayerNorm'):
        made('sparsebev_swin_simulated_nuscenes')


def test_what_a_detector_lacks_is_refused():
    with pytest.raises(ConfigError, match="not of 'text'"):
        made('centerpoint_simulated_kitti_car', kind='text')
    with pytest.raises(ConfigError, match='no image backbone'):
        made('centerpoint_simulated_kitti_car', kind='images')


@pytest.mark.parametrize('wrong, told', [
    (dict(masked='gone'), "token or removed, not as 'gone'"), (dict(ratio=1.5), 'hidden is 1.5'),
    (dict(ratio=0), 'hidden is 0;'), (dict(ratio=1), 'hidden is 1;'), (dict(epochs=0), '0 epochs'),
    (dict(learning_rate=-1), 'rate is -1'), (dict(learning_rate=float('nan')), 'rate is nan')])
def test_options_that_cannot_be(wrong, told):
    with pytest.raises(ConfigError, match=told):
        PretrainingOptions(**wrong)
