"""Every config of Focals Conv loads, and its detector can be built."""
from __future__ import annotations

from pathlib import Path

import pytest
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope

import focalsconv  # noqa: F401  (registers what the configs name)
from sparse3d.apis.load_config import load_config

CONFIGS = sorted((Path(__file__).resolve().parents[2] / 'configs' / 'focalsconv').glob('*.py'))


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
    pipeline = config.train_dataloader.dataset.pipeline
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
