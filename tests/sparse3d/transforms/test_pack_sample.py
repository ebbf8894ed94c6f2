import numpy as np
import torch
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import LiDARInstance3DBoxes, LiDARPoints

from sparse3d.structures.keypoints import Keypoints3D
from sparse3d.structures.scene_motion import SceneMotion

KEYS = ['points', 'img', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_keypoints_3d', 'gt_velocity_known']


def test_everything_arrives():
    images = [np.random.randint(0, 255, (4, 6, 3)).astype(np.uint8) for _ in range(12)]
    keypoints = Keypoints3D(torch.randn(2, 14, 3))
    pack = TRANSFORMS.build(dict(type='PackSample', keys=KEYS, more_meta_keys=['time_diff']))
    packed = pack(dict(
        points=LiDARPoints(torch.zeros(3, 4), points_dim=4), img=list(images),
        gt_bboxes_3d=LiDARInstance3DBoxes(torch.ones(2, 7)), gt_labels_3d=np.array([0, 1]),
        gt_keypoints_3d=keypoints, gt_velocity_known=np.array([True, False]),
        lidar2img=np.eye(4)[None], image_valid=np.arange(12) != 3,
        lidar_aug_matrix=np.eye(4), scene_motion=SceneMotion(), time_diff=0.5))
    assert packed['inputs']['img'].dtype == torch.uint8
    np.testing.assert_array_equal(packed['inputs']['img'],
                                  np.stack(images).transpose(0, 3, 1, 2))
    truth = packed['data_samples'].gt_instances_3d
    assert torch.equal(truth.keypoints_3d.points, keypoints.points) and len(truth) == 2
    assert truth.velocity_known.tolist() == [True, False]
    assert packed['data_samples'].metainfo['time_diff'] == 0.5
    assert packed['data_samples'].image_valid.tolist() == [True] * 3 + [False] + [True] * 8
    assert packed['data_samples'].scene_motion == SceneMotion()


def test_one_image_and_no_objects():
    image = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    packed = TRANSFORMS.build(dict(type='PackSample', keys=['points', 'img', 'gt_bboxes_3d',
                                                            'gt_labels_3d']))(dict(
        points=LiDARPoints(torch.zeros(0, 4), points_dim=4), img=image,
        gt_bboxes_3d=LiDARInstance3DBoxes(torch.zeros(0, 7)),
        gt_labels_3d=np.zeros(0, dtype=np.int64)))
    np.testing.assert_array_equal(packed['inputs']['img'], image.transpose(2, 0, 1))
    assert len(packed['data_samples'].gt_instances_3d) == 0
