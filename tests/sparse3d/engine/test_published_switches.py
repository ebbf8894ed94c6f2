"""What a set switches on beside the model: in the data and in the optimizer."""
from __future__ import annotations

import pytest
from mmengine.config import Config

from sparse3d.engine.load_config import load_config
from sparse3d.engine.published_switches import taking, without_place
from sparse3d.errors import ConfigError

SPARSEBEV = 'sparsebev_v299_future_nuscenes_trainval'


def test_later_frames_of_the_next_scene_are_read_where_the_set_says_so():
    for options, wanted in (({}, None), ({'model.published.future_across_scenes': True}, True)):
        config = load_config(SPARSEBEV, options)
        for loader in (config.val_dataloader, config.test_dataloader):
            assert loader.dataset.frames.get('across_scenes') is wanted
        assert 'across_scenes' not in config.train_dataloader.to_dict().get('frames', {})


def test_the_optimizer_of_dsvt_leaves_out_what_the_set_says():
    for published in (False, True):
        config = load_config('dsvt_pillar_waymo_1frame_24e',
                             {'model.published': dict(leaf_parameters=published)})
        assert config.optim_wrapper.paramwise_cfg.leaf_parameters is published


def test_a_config_whose_parts_have_different_sets_is_not_loaded():
    with pytest.raises(ConfigError, match='model.bbox_head.published .* go together') as no:
        load_config('dsvt_pillar_waymo_1frame_24e',
                    {'model.bbox_head.published': dict(turned_nms=True)})
    assert '\n' not in str(no.value)


def test_a_place_that_is_not_there_is_told():
    config = Config(dict(model=dict(type='SparseBEV', bbox_head=dict(type='SparseBEVHead'))))
    load_config('sparsebev_r50_nuscenes')  # registers
    published = dict(future_across_scenes=True, view_choice=True)
    assert taking(config, published).__name__ == 'SparseBEVPublished'
    assert taking(config, dict(corners=True)) is None
    assert without_place(config, published) == [
        f'{split}_dataloader.dataset.frames.across_scenes' for split in ('val', 'test')]
