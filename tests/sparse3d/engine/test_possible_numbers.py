"""Numbers that nobody can mean are refused by key and value."""
from __future__ import annotations

import pytest
from mmengine.config import Config

from sparse3d.engine.agreement import check_config
from sparse3d.engine.possible_numbers import refuse_impossible
from sparse3d.errors import ConfigError

LAYER = 'model.data_preprocessor.voxel_layer.'


def config(**changes):
    made = Config(dict(
        model=dict(type='VoxelNet', data_preprocessor=dict(
            type='Det3DDataPreprocessor', voxel=True, voxel_layer=dict(
                max_num_points=5, max_voxels=(16000, -1), voxel_size=[0.1, 0.1, 0.2],
                point_cloud_range=[0, -40, -3, 70, 40, 1])),
            bbox_head=dict(type='Anchor3DHead', num_classes=3)),
        train_cfg=dict(by_epoch=True, max_epochs=3, val_interval=1),
        optim_wrapper=dict(accumulative_counts=1), auto_scale_lr=dict(base_batch_size=8),
        train_dataloader=dict(dataset=dict(
            type='KittiDataset', metainfo=dict(classes=['Car', 'Cyclist', 'Van']),
            pipeline=[dict(type='PackSample')]))))
    made.merge_from_dict(changes)
    return made


def test_possible_ones_pass():
    check_config(config(), ['train'])


@pytest.mark.parametrize(('key', 'value', 'message'), [
    (f'{LAYER}voxel_size', [0, 0.1, 0.2], 'a voxel has a length above 0'),
    (f'{LAYER}voxel_size', [0.1, -0.1, 0.2], 'a voxel has a length above 0'),
    (f'{LAYER}voxel_size', [0.1, float('nan'), 0.2], 'a voxel has a length above 0'),
    (f'{LAYER}point_cloud_range', [70, -40, -3, 0, 40, 1], 'each of the last three larger'),
    (f'{LAYER}point_cloud_range', [0, -40, -3, float('inf'), 40, 1], 'each of the last three'),
    (f'{LAYER}max_voxels', (0, 0), 'from 1, or -1: no limit'),
    (f'{LAYER}max_num_points', 0, 'from 1, or -1: no limit'),
    ('model.bbox_head.num_classes', 0, 'whole number from 1'),
    ('train_cfg.val_interval', 0, 'whole number from 1'),
    ('train_cfg.max_epochs', -1, 'whole number from 1'),
    ('train_cfg.max_epochs', 2.5, 'whole number from 1'),
    ('optim_wrapper.accumulative_counts', 0, 'whole number from 1'),
    ('auto_scale_lr.base_batch_size', 0, 'whole number from 1'),
    ('auto_scale_lr.base_batch_size', 'eight', 'whole number from 1'),
    ('optim_wrapper.clip_grad.max_norm', -1, 'a number above 0'),
])
def test_others_are_refused_by_key_and_value(key, value, message):
    with pytest.raises(ConfigError, match=f'{key} in the config is .*{message}'):
        check_config(config(**{key: value}), ['train'])


def test_a_pipeline_without_a_step_is_refused():
    made = config()
    made.train_dataloader.dataset.pipeline = []
    with pytest.raises(ConfigError, match='train_dataloader.dataset.pipeline .* is empty'):
        check_config(made, ['train'])
    check_config(made, ['test'])  # not about to be used


def test_what_has_another_shape_is_left_to_its_reader():
    refuse_impossible(dict(model=dict(voxel_size='auto', pc_range=[-50, -50], num_classes=[1, 2],
                                      max_voxels=None)))
