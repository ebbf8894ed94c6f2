"""Configs and batches with more of one thing."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.engine.load_config import load_config
from sparse3d_benchmarks.grown_batch import Size, capacity, cloud, grown_config

LAYER = dict(point_cloud_range=[0, -8, -3, 32, 8, 1], voxel_size=[0.5, 0.25, 1])


@pytest.mark.parametrize('points_per_voxel', [1, 3])
def test_a_cloud_fills_as_many_voxels_as_said(points_per_voxel):
    points = cloud(LAYER, Size(700, points_per_voxel, 2, (64, 128)), 5).numpy()
    assert points.shape == (700 * points_per_voxel, 5) and points.dtype == np.float32
    cells = np.floor((points[:, :3] - LAYER['point_cloud_range'][:3]) / LAYER['voxel_size'])
    assert len(np.unique(cells, axis=0)) == 700 and (cells[:, 2] == 2).all()
    assert (cells[:, :2] >= 0).all() and (cells[:, :2] < 64).all()


def test_queries_and_frames_of_a_config_are_multiplied():
    config = load_config('sparsebev_simulated_nuscenes')
    queries, frames = (grown_config(config, axis, 4) for axis in ('queries', 'frames'))
    head = config.model.bbox_head
    assert queries.model.bbox_head.num_queries == 4 * head.num_queries == queries.grown_to
    assert queries.model.bbox_head.decoder.num_frames == head.decoder.num_frames
    assert frames.model.data_preprocessor.num_frames == 8 == frames.grown_to
    assert frames.model.bbox_head.decoder.num_frames == 8
    assert grown_config(config, 'points', 2) is None


def test_queries_on_a_grid_stay_on_one():
    """SparseBEV begins on a square grid."""
    config = load_config('sparsebev_simulated_nuscenes')
    side = config.model.bbox_head.num_queries ** 0.5
    twice = grown_config(config, 'queries', 2).grown_to
    assert twice == round(twice ** 0.5) ** 2 and twice / side ** 2 == pytest.approx(2, rel=0.1)


def test_room_in_a_grid():
    room = capacity(load_config('pointpillars_simulated_kitti_car'))
    assert 1000 < room < 100_000
    assert capacity(load_config('sparsebev_simulated_nuscenes')) == 0
