"""Initial weights of the second stage: who brings what, and what does not fit."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope

from sparse3d.engine.load_config import load_config
from sparse3d.errors import CheckpointError
from sparse_dense_fusion.initial_weights import load_lidar, merge_initial_weights

CONFIG = 'sdf_simulated_nuscenes'


def model_of(config: str) -> torch.nn.Module:
    init_default_scope('mmdet3d')
    model = MODELS.build(load_config(config).model)
    for value in model.parameters():
        torch.nn.init.normal_(value, std=0.1)
    return model


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """A TransFusion-L and an image detector of the small sizes."""
    folder = tmp_path_factory.mktemp('weights')
    lidar = model_of('transfusion_l_simulated_nuscenes').state_dict()
    image = {name.removeprefix('image_'): value for name, value in
             model_of(CONFIG).state_dict().items() if name.startswith('image_')}
    for name, state in (('lidar', lidar), ('image', image)):
        with open(folder / f'{name}.pth', 'wb') as stream:
            torch.save(dict(state_dict=state), stream)
    return folder, lidar, image


def test_both_parts_arrive_and_the_rest_begins_with_nothing_added(files, tmp_path):
    folder, lidar, image = files
    counts = merge_initial_weights(folder / 'lidar.pth', folder / 'image.pth',
                                   tmp_path / 'initial.pth', CONFIG)
    found = torch.load(tmp_path / 'initial.pth', weights_only=True)['state_dict']
    assert counts['lidar'] == len(lidar) and counts['image'] == len(image)
    assert sum(counts.values()) == len(found)
    assert all(torch.equal(found[name], value) for name, value in lidar.items())
    assert all(torch.equal(found[f'image_{name}'], value) for name, value in image.items())
    assert not found['map_fusion.layers.1.attention.output_proj.weight'].any()
    assert not found['query_fusion.feed_forward.3.bias'].any()
    assert found['camera_lift.pixels.0.weight'].any()


def test_what_does_not_fit_is_refused_and_nothing_is_written(files, tmp_path):
    folder, lidar, _ = files
    target = tmp_path / 'initial.pth'
    with open(tmp_path / 'half.pth', 'wb') as stream:
        torch.save(dict(state_dict={name: value for name, value in lidar.items()
                                    if not name.startswith('bbox_head.heat')}), stream)
    with pytest.raises(CheckpointError, match=r'weights of the LiDAR .* 7 tensors are missing'):
        merge_initial_weights(tmp_path / 'half.pth', folder / 'image.pth', target, CONFIG)
    with pytest.raises(CheckpointError, match='weights of the images does not fit'):
        merge_initial_weights(folder / 'lidar.pth', folder / 'lidar.pth', target, CONFIG)
    with pytest.raises(CheckpointError, match='has an image backbone: name a file'):
        merge_initial_weights(folder / 'lidar.pth', None, target, CONFIG)
    assert not target.exists()


def test_a_released_file_is_refused_with_the_command_that_turns_it():
    with pytest.raises(CheckpointError, match='"sparse3d convert-checkpoint sparsefusion x.pth'):
        load_lidar(torch.nn.Linear(1, 1), {'pts_bbox_head.shared_conv.weight': torch.zeros(1)},
                   'x.pth')


def test_lidar_alone_needs_no_image_detector(files, tmp_path):
    folder, lidar, _ = files
    counts = merge_initial_weights(folder / 'lidar.pth', None, tmp_path / 'initial.pth',
                                   'sdf_lidar_only_simulated_nuscenes')
    assert counts == dict(lidar=len(lidar), image=0, initialized=0)
