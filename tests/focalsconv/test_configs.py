"""Every config of Focals Conv loads, and its detector can be built."""
from __future__ import annotations

from pathlib import Path

import pytest
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope

import focalsconv.register  # noqa: F401  (registers what the configs name)
from sparse3d.engine.load_config import load_config

CONFIGS = sorted((Path(__file__).resolve().parents[2] / 'configs' / 'focalsconv').glob('*.py'))


def pipeline_of(config) -> list:
    """Training pipeline, also of a dataset inside another."""
    dataset = config.train_dataloader.dataset
    return dataset.get('dataset', dataset).pipeline


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_the_detector_of_a_config(path):
    config = load_config(str(path))
    init_default_scope('mmdet3d')
    model = MODELS.build(config.model)
    focal = getattr(model.middle_encoder, 'focal_layers', {})
    named = path.stem.startswith('focalsconv')
    has_images = 'focalsconv_f_' in path.stem
    assert (len(focal) > 0 or has_images) is named
    assert (model.image_encoder is not None) is has_images
    pipeline = pipeline_of(config)
    is_control = path.stem.endswith('_pasted')  # the samples of Focals Conv-F for LiDAR alone
    assert any('Image' in step['type'] for step in pipeline) is (has_images or is_control)


@pytest.mark.parametrize('name', ['focalsconv', 'focalsconv_f'])
def test_three_class_voxel_rcnn_samples_more_objects(name):
    path = CONFIGS[0].with_name(f'{name}_voxel_rcnn_kitti_3class.py')
    for step in load_config(str(path)).train_dataloader.dataset.pipeline:
        if step['type'] == 'GroundTruthSampling':
            assert step['groups'] == dict(Car=20, Pedestrian=15, Cyclist=15)
            return
    pytest.fail('objects are not sampled')


KITTI = [path for path in CONFIGS if '_kitti_' in path.stem
         and 'simulated' not in path.stem and 'overfit' not in path.stem]


@pytest.mark.parametrize('path', KITTI, ids=lambda path: path.stem)
def test_objects_are_sampled_on_kitti_as_published(path):
    """``LIMIT_WHOLE_SCENE: False``, ``USE_ROAD_PLANE: True``, with images or without."""
    steps = [step for step in pipeline_of(load_config(str(path)))
             if step['type'] == 'GroundTruthSampling']
    assert [(step['fill_up'], step['use_ground_plane']) for step in steps] == [(False, True)]


def test_nuscenes_recipes_balance_classes_and_see_nine_earlier_sweeps():
    paths = [path for path in CONFIGS if path.stem.endswith(
        ('centerpoint_nuscenes', 'centerpoint_nuscenes_quarter'))]
    assert len(paths) == 4
    for path in paths:
        config = load_config(str(path))
        assert config.train_dataloader.dataset.type == 'ClassBalancedDataset'
        loaders = [pipeline_of(config), config.val_dataloader.dataset.pipeline,
                   config.test_dataloader.dataset.pipeline]
        assert [steps[0].sweeps for steps in loaders] == [9] * 3
        assert 'GroundTruthSampling' in [step.type for step in loaders[0]]
    assert len(config.train_dataloader.dataset.dataset.indices) == 7033  # a quarter of 28,130
