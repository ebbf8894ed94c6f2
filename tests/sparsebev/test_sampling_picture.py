"""Sampling points land on the pixels they are read from, at every image size."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from sparse3d.apis import visualize
from sparse3d.errors import ConfigError
from sparsebev.sampling_picture import (
    draw_sampling_points,
    sampled_queries,
    write_sampling_points,
)


@pytest.mark.parametrize('size', [(32, 64), (40, 100)])
def test_points_lie_where_they_are_read(build_detector, drive, batch_of, size):
    model = build_detector(2)
    batch = batch_of(drive(2, size=size), 2)
    seen = []
    model.bbox_head.layer.sampling.register_forward_hook(
        lambda part, inputs, _: seen.append(part.points_by_frame(*inputs[:2], inputs[3].age)))
    sampled = sampled_queries(model, batch, score_threshold=0.0, max_queries=16)
    height, width = sampled.images.shape[2:4]
    assert (height, width) == (-(-size[0] // 32) * 32, -(-size[1] // 32) * 32)
    given = batch['inputs']['img'][0].flip(1).permute(0, 2, 3, 1).reshape(2, 2, *size, 3).numpy()
    assert np.abs(sampled.images[:, :, :size[0], :size[1]].astype(int) - given).max() <= 1
    matrices = batch['data_samples'][0].lidar2img.reshape(2, 2, 4, 4)
    points = seen[-1][0].detach().double().numpy()                  # [Q, T, P, 3]
    places = {tuple(np.round(place, 2)) for place in sampled.pixels.reshape(-1, 2)}
    shown = 0
    for frame, camera in np.ndindex(2, 2):
        projected = points[:, frame] @ matrices[frame, camera, :3, :3].T \
            + matrices[frame, camera, :3, 3]
        there = sampled.view[:, frame] == camera
        depth = sampled.depth[:, frame][there]
        assert (depth > 0).all()
        found = sampled.pixels[:, frame][there]
        pixels = (projected[..., :2] / projected[..., 2:]).reshape(-1, 2)
        for pixel, meters in zip(found, depth, strict=True):
            near = np.abs(pixels - pixel).max(1) < 0.05
            assert near.any() and np.isclose(projected[..., 2].ravel()[near], meters,
                                             rtol=1e-3).any()
            assert 0 < pixel[0] < width and 0 < pixel[1] < height
            shown += 1
    assert shown > 20 and len(places) > 20


def test_pictures_are_written_and_none_without_a_camera(build_detector, drive, batch_of, tmp_path):
    model = build_detector(2)
    batch = batch_of(drive(2), 2, image_valid=np.array([True, True, False, False]))
    paths = draw_sampling_points(model, batch, tmp_path, 'scene/1', score_threshold=0.0)
    assert [path.name for path in paths] == [
        'scene%2F1_sampling_0.png', 'scene%2F1_sampling_1.png', 'scene%2F1_tau.png']
    assert all(path.stat().st_size > 5000 for path in paths)
    sampled = sampled_queries(model, batch, score_threshold=0.0)
    assert (sampled.view[:, 1] == -1).all() and sampled.tau.shape == (8, 2)
    assert len(sampled_queries(model, batch, score_threshold=1.1).scores) == 0
    draw_sampling_points(model, batch, tmp_path, 'nothing', score_threshold=1.1)


def test_other_detectors_have_no_sampling_points(tmp_path):
    with pytest.raises(ConfigError, match='Linear has no sampling points'):
        write_sampling_points(torch.nn.Linear(1, 1), {}, None, tmp_path)


def test_drawing_needs_a_checkpoint():
    with pytest.raises(ConfigError, match='sampling_points.* need a checkpoint'):
        visualize('configs/sparsebev/sparsebev_simulated_nuscenes.py', pictures=['sampling_points'])
