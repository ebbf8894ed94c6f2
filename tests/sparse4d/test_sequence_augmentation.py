"""One draw for a sequence: images of any size, the scene, the pose."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes

from sparse3d.errors import ConfigError
from sparse4d.sequence_augmentation import KEY, AugmentSequenceImages, TurnScene


def sample(height=90, width=160, **more):
    camera = np.array([[100.0, 80, 0, 0], [0, 45, -100, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    return dict(img=[np.full((height, width, 3), 7, np.uint8)] * 2,
                lidar2img=np.stack([camera] * 2), cam2img=np.stack([np.eye(4)] * 2), **more)


def transform(**options):
    return AugmentSequenceImages((32, 64), (90, 160), resize=(0.4, 0.47), **options)


def test_a_sample_gets_what_was_drawn_for_its_sequence():
    step = transform()
    drawn = step.draw_for_sequence(np.random.RandomState(1))
    first, second = (step(sample(**{KEY: drawn})) for _ in range(2))
    np.testing.assert_array_equal(first['lidar2img'], second['lidar2img'])
    assert first['img'][0].shape == (32, 64, 3) and first['img_shape'] == (32, 64)


def test_without_a_sequence_it_draws_for_the_sample():
    step = transform()
    np.random.seed(0)
    first, second = step(sample()), step(sample(**{KEY: None}))
    assert not np.allclose(first['lidar2img'], second['lidar2img'])


def test_images_of_another_size_show_the_same_part():
    step = transform(angle=(0.0, 0.0))
    drawn = step.draw_for_sequence(np.random.RandomState(2))
    small, large = step(sample(**{KEY: drawn})), step(sample(180, 320, **{KEY: drawn}))
    grown = sample(180, 320)['lidar2img']
    grown[:, :2] *= [[2], ]  # the same camera with twice as many pixels
    doubled = sample(180, 320, **{KEY: drawn})
    doubled['lidar2img'] = grown
    np.testing.assert_allclose(step(doubled)['lidar2img'], small['lidar2img'], atol=0.8)
    assert large['img'][0].shape == (32, 64, 3)


def test_the_turned_scene_lies_where_it_was_in_the_world():
    step = transform()
    drawn = step.draw_for_sequence(np.random.RandomState(3))
    pose = np.array([[0.0, -1, 0, 5], [1, 0, 0, 6], [0, 0, 1, 0], [0, 0, 0, 1]])
    boxes = LiDARInstance3DBoxes(torch.tensor([[10.0, 5, -1, 4, 2, 1.5, 0.2, 1, 0]]), box_dim=9)
    before = step(sample(lidar2global=pose, gt_bboxes_3d=boxes, **{KEY: drawn}))
    pixels = before['lidar2img'].copy()
    after = TurnScene()(before)
    place = np.append(boxes.tensor[0, :3].numpy(), 1)
    moved = np.append(after['gt_bboxes_3d'].tensor[0, :3].numpy(), 1)
    assert abs(moved - place).max() > 0.1
    np.testing.assert_allclose(after['lidar2global'] @ moved, pose @ place, atol=1e-5)
    np.testing.assert_allclose(after['lidar2img'] @ moved, pixels @ place, atol=1e-3)


@pytest.mark.parametrize(('options', 'said'), [
    (dict(angle=(0.1, -0.1)), 'angle goes from'), (dict(scene_angle=(1, 0)), 'scene_angle goes')])
def test_ranges_upside_down(options, said):
    with pytest.raises(ConfigError, match=said):
        transform(**options)


def test_sizes_that_are_none_and_a_turn_without_a_draw():
    with pytest.raises(ConfigError, match='have to be positive'):
        AugmentSequenceImages((0, 64))
    with pytest.raises(ConfigError, match='AugmentSequenceImages drew'):
        TurnScene()({})
