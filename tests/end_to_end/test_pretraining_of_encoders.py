"""Every LiDAR encoder of the plug-ins learns by masking, and leaks nothing of what is hidden."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope

from sparse3d.engine.load_config import load_config
from sparse3d.engine.pretraining_config import PretrainingOptions, pretraining_config
from sparse3d.pretraining.encoder_files import encoder_weights

CONFIGS = [
    'centerpoint_simulated_kitti_car', 'second_simulated_kitti_car',
    'pointpillars_simulated_kitti_car', 'focalsconv_centerpoint_simulated_kitti_car',
    'focalsconv_voxel_rcnn_simulated_kitti_car', 'dsvt_centerpoint_simulated_kitti_car',
    'dsvt_simulated_waymo', 'voxelkp_simulated_waymo', 'safdnet_simulated_waymo',
    'transfusion_l_simulated_nuscenes', 'sparsefusion_simulated_nuscenes',
    'sdf_lidar_only_simulated_nuscenes']


def build(name, **options):
    made = pretraining_config(load_config(name), PretrainingOptions(**options))
    init_default_scope('mmdet3d')
    torch.manual_seed(0)
    return MODELS.build(made.model)


def cloud(network, count=1500, seed=0):
    """Points near the middle of the range, so that columns are occupied by several."""
    random = torch.Generator().manual_seed(seed)
    limits = torch.tensor(network.grid.point_cloud_range)
    middle, size = (limits[:3] + limits[3:]) / 2, torch.tensor([12.0, 12.0, 1.0])
    columns = network.data_preprocessor.point_channels
    points = torch.rand(count, columns, generator=random)
    points[:, :3] = middle + (points[:, :3] - 0.5) * size
    return points


def masked(network, points, seed=1):
    batch = network.data_preprocessor(dict(inputs=dict(points=[points]), data_samples=None),
                                      False)['inputs']
    torch.manual_seed(seed)
    occupied, mask, _ = network.draw(batch)
    return network.masked_map(batch, occupied, mask), mask


def in_hidden_columns(network, points, mask):
    low = torch.tensor(network.grid.point_cloud_range[:2])
    place = ((points[:, :2] - low) / torch.tensor(network.grid.size)).long()
    hidden = torch.zeros(*network.grid.shape, dtype=torch.bool)
    cells = mask.cells[mask.masked]
    hidden[cells[:, 1], cells[:, 2]] = True
    return hidden[place[:, 1].clamp(0, hidden.shape[0] - 1),
                  place[:, 0].clamp(0, hidden.shape[1] - 1)]


@pytest.mark.slow
@pytest.mark.parametrize('name', CONFIGS)
def test_an_encoder_learns_and_sees_nothing_of_hidden_points(name):
    detector = load_config(name).model
    network = build(name)
    network.data_preprocessor.point_channels = 4 if 'kitti' in name else 5
    points = cloud(network)
    network.eval()
    with torch.no_grad():
        expected, mask = masked(network, points)
        hidden = in_hidden_columns(network, points, mask)
        assert 0.4 < float(hidden.float().mean()) < 0.95
        changed = points.clone()
        changed[hidden, 3:] += 3
        found, _ = masked(network, changed)
        assert torch.equal(found, expected)
        changed = points.clone()
        changed[~hidden, 3:] += 3
        assert not torch.equal(masked(network, changed)[0], expected)
    network.train()
    data = dict(inputs=dict(points=[points, cloud(network, seed=3)]), data_samples=None)
    losses = network(network.data_preprocessor(data, True)['inputs'], mode='loss')
    sum(losses.values()).backward()
    assert all(bool(value.isfinite()) for value in losses.values())
    of_encoder = [value for key, value in network.named_parameters()
                  if key.startswith('middle_encoder.') and value.dim() > 1]
    assert not of_encoder or any(value.grad is not None and value.grad.any()
                                 for value in of_encoder)
    built = MODELS.build(detector)
    weights, state = encoder_weights(network.state_dict()), built.state_dict()
    assert weights and all(state[key].shape == value.shape for key, value in weights.items())
    fresh = {key for key in state if key.startswith(('voxel_encoder.', 'middle_encoder.'))
             and key not in weights}
    assert all('focal_layers' in key for key in fresh), sorted(fresh)[:3]
