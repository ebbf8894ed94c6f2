"""Loose options of older checkpoints become fields of the set of published quirks."""
from __future__ import annotations

from collections import Counter

import pytest
import torch

from sparse3d.checkpoints.moved_quirks import move_in_config, move_options, moves
from sparse3d.checkpoints.open import open_checkpoint
from sparse3d.checkpoints.options import check_published_options
from sparse3d.checkpoints.renames import renamed
from sparse3d.checkpoints.rewrite import rewrite_checkpoint
from sparse3d.errors import CheckpointError
from sparse3d.plugins import config_file
from sparse3d.stored_config import read_literals

# What the converters of before the sets wrote, and what is written now.
OPTIONS = [
    ({'model.bbox_head.published_view_choice': True,
      'model.bbox_head.code_weights': [1.0] * 10,
      'test_dataloader.dataset.frames.published_future_across_scenes': True,
      'val_dataloader.dataset.frames.published_future_across_scenes': True},
     dict(view_choice=True, code_weights=[1.0] * 10, future_across_scenes=True)),
    ({'model.middle_encoder.merge_background': False,
      'model.middle_encoder.published_corners': True,
      'model.image_encoder.published_padding': True,
      'model.middle_encoder.image_fusion': dict(published_skip_pixel_zero=True,
                                                published_image_scale=2 / 3)},
     dict(background_copies=True, corners=True, encode_padding=True, skip_pixel_zero=True,
          image_scale=2 / 3)),
    ({'model.bbox_head.decoder_layers.0.published_wrapping': True,
      'model.bbox_head.published_iou_shift': 0.5,
      'optim_wrapper.paramwise_cfg.published_leaf_parameters': True},
     dict(wrapping=True, iou_shift=True, leaf_parameters=True)),
    ({'model.bbox_head.suppression.radii': [0.35, -1],
      'model.published_frozen_statistics': False},
     dict(radii=[0.35, -1])),
]


@pytest.mark.parametrize(('old', 'fields'), OPTIONS)
def test_options_of_converted_checkpoints_become_fields(old, fields):
    changes: dict[str, None] = {}
    found = move_options(old, moves(), changes)
    assert found == {'model.published': fields}
    assert any(change.startswith(next(iter(old))) for change in changes)
    assert check_published_options(found, 'a.pth') == found
    assert move_options(found, moves(), again := {}) == found and not again


def test_a_stored_config_gets_its_set_and_keeps_what_is_still_an_option():
    config = dict(
        model=dict(type='VoxelDetector', bbox_head=dict(
            type='TransFusionHead', code_weights=[1.0] * 10, published_top_height=True,
            decoder_layers=[dict(type='NeighborhoodDecoderLayer', published_wrapping=False)])),
        optim_wrapper=dict(paramwise_cfg=dict(published_leaf_parameters=False)))
    moved = move_in_config(config, moves(), changes := {})
    assert moved == dict(
        model=dict(type='VoxelDetector', published=dict(top_height=True), bbox_head=dict(
            type='TransFusionHead', code_weights=[1.0] * 10,
            decoder_layers=[dict(type='NeighborhoodDecoderLayer')])),
        optim_wrapper=dict(paramwise_cfg={}))
    assert len(changes) == 3 and 'published_top_height' in config['model']['bbox_head']


def test_an_old_checkpoint_is_refused_with_the_command_that_rewrites_it(tmp_path):
    config = "model = dict(type='SparseBEV', bbox_head=dict(published_alignment=True))\n"
    meta = dict(cfg=config, config_options={'model.bbox_head.published_alignment': True})
    torch.save(dict(state_dict={'x': torch.ones(1)}, meta=meta), tmp_path / 'old.pth')
    with pytest.raises(CheckpointError) as refused:
        open_checkpoint(tmp_path / 'old.pth')
    words = str(refused.value)
    assert 'published_alignment -> model.published.alignment' in words and '\n' not in words
    assert 'sparse3d convert-checkpoint renames' in words
    rewrite_checkpoint(tmp_path / 'old.pth', tmp_path / 'new.pth')
    opened = open_checkpoint(tmp_path / 'new.pth')
    assert opened.options == {'model.published': dict(alignment=True)}
    assert read_literals(opened.meta['cfg'])['model'] == dict(
        type='SparseBEV', bbox_head={}, published=dict(alignment=True))


def test_no_option_became_two_fields():
    counts = Counter(key for key, _, _ in moves())
    assert len(counts) > 35 and set(counts.values()) == {1}


def test_quirks_of_another_plug_in_stay_where_a_checkpoint_says_whose_it_is():
    options = {'model.middle_encoder.published_corners': True}
    for plug_in, taken in (('focalsconv', True), ('dsvt', False)):
        content = dict(state_dict={'x': torch.ones(1)}, meta=dict(
            cfg=f"custom_imports = dict(imports=['{plug_in}.register'])\n", config_options=options))
        new = renamed(content)[0]['meta']['config_options']
        assert new == ({'model.published': dict(corners=True)} if taken else options)


@pytest.mark.parametrize(('old', 'new'), [
    ('sparsebev_v299_trainval_future_nuscenes', 'sparsebev_v299_future_nuscenes_trainval'),
    ('voxelkp_long_simulated_waymo', 'voxelkp_simulated_waymo_long'),
    ('focalsconv_centerpoint_kitti_overfit', 'focalsconv_centerpoint_kitti_car_overfit'),
    ('sparsefusion_simulated_nuscenes_cameras_only',
     'sparsefusion_cameras_only_simulated_nuscenes')])
def test_old_names_of_configs_are_their_plug_ins(old, new):
    content = dict(state_dict={'x': torch.ones(1)}, meta=dict(config=f'configs/x/{old}.py'))
    renewed, changes = renamed(content)
    assert changes == [f'{old} -> {new}']
    assert renewed['meta']['config'] == f'configs/x/{new}.py' and config_file(new)
