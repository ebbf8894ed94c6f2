"""Test-time augmentation: mirrored scenes give mirrored boxes, runs are turned back and merged."""
from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

from focalsconv.augmented_voxel_detector import average_flips, motion, moved
from sparse3d.errors import ConfigError

MODEL = Path(__file__).resolve().parents[2] / 'configs/_base_/models/centerpoint_small_nuscenes.py'
RANGE = [-6.4, -6.4, -5, 6.4, 6.4, 3]
LOOKING = np.array([[32., -32, 0, 0], [24, 0, -32, -40], [1, 0, 0, 0], [0, 0, 0, 1]])


@pytest.fixture(scope='module')
def build():
    def build(type_='AugmentedVoxelDetector', **options):
        init_default_scope('mmdet3d')
        torch.manual_seed(0)
        config = Config.fromfile(MODEL).model
        config.update(type=type_, **options)
        config.data_preprocessor.voxel_layer.point_cloud_range = RANGE
        config.middle_encoder.update(
            type='FocalSparseEncoder', sparse_shape=[41, 64, 64], voxel_size=[0.2, 0.2, 0.2],
            point_cloud_range=RANGE, focal=dict(stages=(1, ), top_k=False), image_fusion=dict(
                channels=16, join='concatenate'))
        config.image_encoder = dict(type='ShallowImageEncoder', depth=18, base_channels=8)
        head = config.bbox_head
        head.bbox_coder.update(pc_range=RANGE[:2], score_threshold=0.0)
        head.train_cfg.update(grid_size=[64, 64, 41], point_cloud_range=RANGE)
        head.test_cfg.update(score_threshold=0.0, post_max_size=30)
        made = MODELS.build(config)
        for parameter in made.parameters():
            if parameter.dim() > 1:
                torch.nn.init.kaiming_uniform_(parameter)
        return made.eval()
    return build


def scene(moves=None) -> dict:
    """Points, one camera, and both moved alike."""
    torch.manual_seed(3)
    cloud = torch.rand(1500, 5) * torch.tensor([12.6, 12.6, 3, 1, .5]) - torch.tensor(
        [6.3, 6.3, 3, 0, 0])
    moves = torch.eye(4, dtype=torch.float64) if moves is None else moves
    sample = Det3DDataSample()
    sample.set_metainfo(dict(box_type_3d=LiDARInstance3DBoxes, img_shape=(48, 64),
                             lidar2img=LOOKING @ np.linalg.inv(moves.numpy())))
    image = torch.randint(0, 256, (3, 48, 64), dtype=torch.uint8)
    return dict(inputs=dict(points=[moved(cloud, moves)], img=[image]), data_samples=[sample])


def predict(detector, data) -> InstanceData:
    with torch.no_grad():
        return detector(**detector.data_preprocessor(data), mode='predict')[0].pred_instances_3d


@pytest.mark.parametrize(('flip_x', 'flip_y'), [(True, False), (False, True), (True, True)])
def test_a_mirrored_scene_gives_mirrored_boxes(build, flip_x, flip_y):
    detector = build(double_flip=True)
    plain, mirrored = predict(detector, scene()), predict(
        detector, scene(motion(0.0, flip_x, flip_y)))
    assert len(plain.scores_3d) == len(mirrored.scores_3d) > 5
    torch.testing.assert_close(plain.scores_3d, mirrored.scores_3d, rtol=0, atol=1e-4)
    boxes = mirrored.bboxes_3d.clone()
    if flip_x:
        boxes.flip('vertical')
    if flip_y:
        boxes.flip('horizontal')
    difference = plain.bboxes_3d.tensor - boxes.tensor
    difference[:, 6] = (difference[:, 6] / 2).sin()  # whole turns do not count
    assert difference.abs().max() < 2e-3
    # Without the copies the network is not symmetric: the test above is not empty.
    single = build(double_flip=False)
    one, other = predict(single, scene()), predict(single, scene(motion(0.0, flip_x, flip_y)))
    size = min(len(one.scores_3d), len(other.scores_3d))
    assert not torch.allclose(one.scores_3d[:size], other.scores_3d[:size], atol=1e-4)


def test_a_turned_run_is_turned_back(build):
    yaw = 0.3
    turned = predict(build(double_flip=False, rotations=[yaw]), scene())
    by_hand = predict(build('VoxelDetector'), scene(motion(yaw, False, False)))
    boxes = by_hand.bboxes_3d.clone()
    boxes.rotate(-yaw)
    torch.testing.assert_close(turned.scores_3d, by_hand.scores_3d, rtol=0, atol=1e-4)
    torch.testing.assert_close(turned.bboxes_3d.tensor, boxes.tensor, rtol=0, atol=2e-3)


def test_runs_are_merged_class_by_class(build):
    detector = build(rotations=[0.0, 0.1, -0.1], iou_thresholds={'1': 0.9}, max_detections=3)
    box = torch.tensor([[0., 0, 0, 4, 2, 1.5, 0, 0, 0]])
    near, far = box + torch.tensor([0.5] + [0.] * 8), box + torch.tensor([9.] + [0.] * 8)

    def run(boxes, scores, labels):
        return InstanceData(bboxes_3d=LiDARInstance3DBoxes(torch.cat(boxes), box_dim=9),
                            scores_3d=torch.tensor(scores), labels_3d=torch.tensor(labels))
    merged = detector._merge([run([box, box], [0.6, 0.5], [0, 1]),
                              run([near, near, far], [0.7, 0.4, 0.1], [0, 1, 0])])
    # Of class 0 the better stays; class 1 may overlap up to 0.9; the fourth is one too many.
    assert merged.scores_3d.tolist() == pytest.approx([0.7, 0.5, 0.4])
    assert merged.labels_3d.tolist() == [0, 1, 1]
    empty = run([box], [0.1], [0])[:0]
    assert len(detector._merge([empty, empty])) == 0


def test_average_by_hand():
    flips = ((False, False), (False, True), (True, False), (True, True))
    maps = dict(heatmap=torch.zeros(4, 1, 2, 2), reg=torch.full((4, 2, 2, 2), 0.25),
                height=torch.zeros(4, 1, 2, 2), dim=torch.zeros(4, 3, 2, 2),
                rot=torch.ones(4, 2, 2, 2), vel=torch.ones(4, 2, 2, 2))
    for copy, (flip_x, flip_y) in enumerate(flips):
        # The same object, at x 0.25 and y 0.75 of the lower right cell of the unmirrored map.
        maps['heatmap'][copy, 0, 0 if flip_y else 1, 0 if flip_x else 1] = 2.0
        maps['reg'][copy, 0] = 0.75 if flip_x else 0.25
        maps['reg'][copy, 1] = 0.25 if flip_y else 0.75
        maps['rot'][copy, 0], maps['rot'][copy, 1] = -1 if flip_y else 1, -1 if flip_x else 1
        maps['vel'][copy, 0], maps['vel'][copy, 1] = -3 if flip_x else 3, -2 if flip_y else 2
        maps['dim'][copy] = math.log(1 + copy)
    mean = average_flips(maps, flips)
    assert mean['heatmap'][0, 0].flatten().tolist() == pytest.approx([0, 0, 0, 2.0], abs=1e-5)
    assert mean['reg'][0, :, 0, 0].tolist() == pytest.approx([0.25, 0.75])
    assert mean['rot'][0, :, 0, 0].tolist() == [1, 1]
    assert mean['vel'][0, :, 0, 0].tolist() == [3, 2]
    assert mean['dim'].exp().flatten()[0].item() == pytest.approx(2.5)


def test_no_rotations_is_an_error(build):
    with pytest.raises(ConfigError, match='rotations is empty'):
        build(rotations=[])
