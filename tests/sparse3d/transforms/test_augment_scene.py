from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.models.layers.fusion_layers import apply_3d_transformation
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import LiDARInstance3DBoxes, LiDARPoints

from sparse3d.errors import ConfigError
from sparse3d.structures.keypoints import Keypoints3D
from sparse3d.structures.scene_motion import SceneMotion
from sparse3d.transforms.augment_scene import move_sample

FIXTURE = Path(__file__).parents[2] / 'fixtures/sparsebev_data/augmentation.npz'
ALL = dict(rotation=(-0.8, 0.8), scale=(0.9, 1.1), translation_std=(0.5, 0.5, 0.5),
           flip_horizontal=0.5, flip_vertical=0.5)


def build(**options):
    return TRANSFORMS.build(dict(type='AugmentScene', **options))


def sample(seed=0):
    random = np.random.default_rng(seed)
    points = random.uniform(-30, 30, (100, 5)).astype(np.float32)
    lidar2cam = np.linalg.qr(random.normal(size=(6, 3, 3)))[0]
    matrices = np.tile(np.eye(4), (6, 1, 1))
    matrices[:, :3, :3], matrices[:, :3, 3] = lidar2cam, random.normal(size=(6, 3))
    camera = np.array([[500., 0, 320, 0], [0, 500, 240, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    return dict(
        points=LiDARPoints(points, points_dim=5),
        gt_bboxes_3d=LiDARInstance3DBoxes(random.uniform(0.5, 9, (3, 9)), box_dim=9),
        gt_keypoints_3d=Keypoints3D(torch.from_numpy(points[:42, :3].reshape(3, 14, 3).copy())),
        lidar2cam=matrices, lidar2img=camera @ matrices, plane=np.array([0, 0, 1, 1.7]))


def pixels(lidar2img, points):
    projected = np.pad(points[:, :3].astype(np.float64), ((0, 0), (0, 1)), constant_values=1)
    projected = projected @ lidar2img.transpose(0, 2, 1)
    return projected[..., :2] / projected[..., 2:3]


@pytest.mark.parametrize('seed', range(20))
@pytest.mark.parametrize('order', [['flip', 'rotate', 'scale', 'translate'],
                                   ['rotate', 'scale', 'translate', 'flip']])
def test_every_point_keeps_its_pixel(seed, order):
    np.random.seed(seed)
    before, after = sample(seed), build(**ALL, order=order)(sample(seed))
    old, new = before['points'].tensor.numpy(), after['points'].tensor.numpy()
    depth = (np.pad(old[:, :3], ((0, 0), (0, 1)), constant_values=1)
             @ before['lidar2img'].transpose(0, 2, 1))[..., 2]
    clear = np.abs(depth) > 1
    difference = pixels(after['lidar2img'], new) - pixels(before['lidar2img'], old)
    assert np.abs(difference[clear]).max() < 0.1 and clear.sum() > 100
    back = np.linalg.inv(after['lidar_aug_matrix'])
    np.testing.assert_allclose(new[:, :3] @ back[:3, :3].T + back[:3, 3], old[:, :3], atol=1e-4)
    height = old[:, :3] @ before['plane'][:3] + before['plane'][3]
    np.testing.assert_allclose(new[:, :3] @ after['plane'][:3] + after['plane'][3], height,
                               atol=1e-4)


@pytest.mark.parametrize('seed', range(10))
def test_mmdet3d_can_undo_it(seed):
    np.random.seed(seed)
    after = build(**ALL, order=['rotate', 'scale', 'translate', 'flip'])(sample(seed))
    found = apply_3d_transformation(after['points'].tensor[:, :3], 'LIDAR', after, reverse=True)
    np.testing.assert_allclose(found, sample(seed)['points'].tensor[:, :3], atol=1e-4)


def test_boxes_and_lidar2img_of_the_published_code():
    stored = np.load(FIXTURE)
    results = dict(gt_bboxes_3d=LiDARInstance3DBoxes(stored['grs_boxes'], box_dim=9),
                   lidar2img=stored['grs_lidar2img'][None])
    move_sample(results, SceneMotion((('rotate', 0.3), ('scale', 1.04))))
    boxes, expected = results['gt_bboxes_3d'].tensor.numpy(), stored['out_grs_boxes']
    np.testing.assert_allclose(boxes, expected, atol=1e-5)
    np.testing.assert_allclose(results['lidar2img'][0], stored['out_grs_lidar2img'], atol=2e-2)
    assert results['lidar2img'].dtype == np.float32


def test_draws_are_those_asked_for():
    transform = build(rotation=(0.1, 0.2), scale=(1.0, 1.0), flip_horizontal=1.0)
    for _ in range(5):
        steps = dict(transform.draw().steps)
        assert 0.1 <= steps['rotate'] <= 0.2 and steps['flip'] == 'horizontal'
        assert steps['scale'] == 1 and not np.any(steps['translate'])
    np.random.seed(1)
    first = build(**ALL).draw()
    np.random.seed(1)
    assert build(**ALL).draw() == first
    horizontal = [('flip', 'horizontal') in build(flip_horizontal=0.3).draw().steps
                  for _ in range(400)]
    assert 80 < sum(horizontal) < 160


def test_a_sample_of_points_alone():
    after = build(**ALL)(dict(points=LiDARPoints(torch.zeros(0, 4), points_dim=4)))
    assert len(after['points']) == 0 and 'lidar2img' not in after


def test_wrong_options():
    with pytest.raises(ConfigError, match='each of flip, rotate, scale, translate once'):
        build(order=['flip', 'rotate'])
    with pytest.raises(ConfigError, match='give the smaller number first'):
        build(rotation=(1, -1))
    with pytest.raises(ConfigError, match='scale has to be positive'):
        build(scale=(0, 1))
    with pytest.raises(ConfigError, match='two AugmentScene'):
        build()(build()(sample()))
