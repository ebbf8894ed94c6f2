"""Voxel R-CNN and PV-RCNN from points to boxes: a training step, predictions, empty clouds."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

import focalsconv.register  # noqa: F401  (registers the detectors)

CONFIGS = Path(__file__).resolve().parents[2] / 'configs/focalsconv/_base_/models'
RANGE = [0, -3.2, -3, 9.6, 3.2, 1]
SHAPE = [41, 128, 192]
AHEAD = np.array([[32., -32, 0, 0], [24, 0, -32, -40], [1, 0, 0, 0], [0, 0, 0, 1]])


def place(part: dict) -> None:
    """Put every part of a config onto the small range."""
    for key, value in part.items():
        if key == 'point_cloud_range':
            part[key] = RANGE
        elif key == 'sparse_shape':
            part[key] = SHAPE
        elif key == 'ranges':
            part[key] = [[0, -3.2, each[2], 9.6, 3.2, each[2]] for each in value]
        elif isinstance(value, dict):
            place(value)


def detector(name: str, images: bool = False, **encoder):
    """The published architecture, on a small range and with thin layers where they cost most."""
    config = Config.fromfile(CONFIGS / f'{name}.py').model
    place(config)
    config.middle_encoder.focal.update(encoder)
    config.backbone.update(layer_nums=[1, 1])
    config.roi_head.update(grid_size=3, channels=[32, 32], sampling=dict(num_proposals=24))
    config.proposals = dict(train=dict(nms_pre=500, nms_post=60, iou_threshold=0.8),
                            test=dict(nms_pre=200, nms_post=20, iou_threshold=0.7))
    if 'keypoint_encoder' in config:
        config.keypoint_encoder.update(num_keypoints=64)
    if images:
        config.image_encoder = dict(type='ShallowImageEncoder', depth=18, base_channels=8)
        config.middle_encoder.image_fusion = dict(join='concatenate')
    init_default_scope('mmdet3d')
    made = MODELS.build(config)
    made.init_weights()
    return made


def batch(classes: int, counts=(900, 400)) -> dict:
    """Points on and around a car in each sample."""
    points, samples = [], []
    for index, count in enumerate(counts):
        cloud = torch.rand(count, 4) * torch.tensor([9, 6, 2, 1]) - torch.tensor([0, 3, 2.5, 0])
        cloud[:count // 2, :3] = torch.rand(count // 2, 3) * torch.tensor([3.9, 1.6, 1.5]) \
            + torch.tensor([2 + index, -1, -1.7])
        truth = InstanceData(
            bboxes_3d=LiDARInstance3DBoxes([[3.95 + index, -0.2, -1.7, 3.9, 1.6, 1.5, 0.1]]),
            labels_3d=torch.tensor([index % classes]))
        sample = Det3DDataSample(gt_instances_3d=truth)
        sample.set_metainfo(dict(box_type_3d=LiDARInstance3DBoxes, lidar2img=AHEAD,
                                 img_shape=(48, 64 - 8 * index)))
        points.append(cloud)
        samples.append(sample)
    return dict(inputs=dict(points=points, img=[
        torch.zeros(3, 48, 64 - 8 * index, dtype=torch.uint8) for index in range(len(counts))]),
        data_samples=samples)


@pytest.mark.parametrize(('name', 'classes', 'encoder'), [
    ('voxel_rcnn_kitti_car', 1, dict(stages=(1, 2, 3))),
    ('voxel_rcnn_kitti', 3, dict(stages=(1,), kernel_size=5, enlarge_channels=16)),
    ('pv_rcnn_kitti', 3, dict(stages=(1, 2, 3), mask_multi=True)),
])
@pytest.mark.parametrize('images', [False, True])
def test_a_step_and_a_prediction(name, classes, encoder, images):
    made = detector(name, images, **encoder).train()
    data = made.data_preprocessor(batch(classes), True)
    losses = made(**data, mode='loss')
    total, scalars = made.parse_losses(losses)
    assert torch.isfinite(total)
    expected = {'rpn_loss_cls', 'rpn_loss_bbox', 'rpn_loss_dir', 'loss_roi_score',
                'loss_roi_box', 'loss_roi_corner', 'loss_importance_stage1'}
    expected |= {'loss_keypoint_score'} if name == 'pv_rcnn_kitti' else set()
    expected |= {'loss_importance_image'} if images else set()
    assert expected <= set(scalars)
    total.backward()
    silent = [parameter for parameter, value in made.named_parameters() if value.grad is None]
    assert silent == []
    made.eval()
    with torch.no_grad():
        found = made(**made.data_preprocessor(batch(classes)), mode='predict')
        raw = made(**made.data_preprocessor(batch(classes)), mode='tensor')
    assert [len(each.pred_instances_3d.bboxes_3d) <= 20 for each in found] == [True, True]
    assert len(raw['scores']) == sum(len(proposals.boxes) for proposals in raw['proposals'])


@pytest.mark.parametrize('name', ['voxel_rcnn_kitti_car', 'pv_rcnn_kitti'])
@pytest.mark.parametrize('training', [True, False])
def test_empty_clouds_and_no_objects(name, training):
    made = detector(name, stages=(1,)).train(training)
    data = batch(1, counts=(0, 300))
    for sample in data['data_samples']:
        sample.gt_instances_3d = sample.gt_instances_3d[:0]
    data = made.data_preprocessor(data, training)
    if training:
        total, _ = made.parse_losses(made(**data, mode='loss'))
        total.backward()
        assert torch.isfinite(total)
    else:
        with torch.no_grad():
            assert len(made(**data, mode='predict')) == 2


def test_a_few_steps_learn_the_car():
    torch.manual_seed(1)
    made = detector('voxel_rcnn_kitti_car', stages=(1,)).train()
    optimizer = torch.optim.AdamW(made.parameters(), lr=3e-3)
    first = None
    for _ in range(12):
        data = made.data_preprocessor(batch(1, counts=(500,)), True)
        total, _ = made.parse_losses(made(**data, mode='loss'))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        first = first or total.item()
    assert total.item() < 0.7 * first


@pytest.mark.parametrize('name', ['voxel_rcnn_kitti_car', 'pv_rcnn_kitti'])
def test_half_precision(name):
    made = detector(name, images=True, stages=(1,))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        total, _ = made.parse_losses(made.train()(
            **made.data_preprocessor(batch(1), True), mode='loss'))
        with torch.no_grad():
            found = made.eval()(**made.data_preprocessor(batch(1)), mode='predict')
    total.backward()
    assert torch.isfinite(total) and len(found) == 2


@pytest.mark.parametrize('name', ['voxel_rcnn_kitti_car', 'pv_rcnn_kitti'])
@pytest.mark.parametrize('broken', ['boxes', 'scores', 'boxes of one sample'])
def test_a_first_stage_without_a_finite_proposal(name, broken, monkeypatch):
    made = detector(name, stages=(1,))
    head = made.rpn_head
    kept = head.forward

    def forward(maps):
        scores, box_deltas, directions = kept(maps)
        if broken == 'boxes of one sample':
            return (
                scores,
                [torch.stack([box_deltas[0][0] * torch.nan, box_deltas[0][1]])],
                directions,
            )
        if broken == 'boxes':
            return scores, [box_deltas[0] * torch.nan], directions
        return [scores[0] * torch.nan], box_deltas, directions

    monkeypatch.setattr(head, 'forward', forward)
    found = made.eval()(**made.data_preprocessor(batch(1)), mode='predict')
    proposals = made(**made.data_preprocessor(batch(1)), mode='tensor')['proposals']
    assert len(found[0].pred_instances_3d.bboxes_3d) == len(proposals[0].boxes) == 0
    assert (len(proposals[1].boxes) > 0) == (broken == 'boxes of one sample')
    losses = made.train()(**made.data_preprocessor(batch(1), True), mode='loss')
    second = [value for key, value in losses.items() if key.startswith('loss_roi')]
    assert len(second) == 3 and all(torch.isfinite(value) for value in second)


def test_proposals_without_a_finite_score_do_not_crowd_out_the_others(monkeypatch):
    made = detector('voxel_rcnn_kitti_car', stages=(1,)).eval()
    kept = made.rpn_head.forward

    def forward(maps):
        scores, box_deltas, directions = kept(maps)
        scores[0][:, :, 1:] = torch.nan  # all rows of the map but the first
        return scores, box_deltas, directions

    monkeypatch.setattr(made.rpn_head, 'forward', forward)
    with torch.no_grad():
        proposals = made(**made.data_preprocessor(batch(1)), mode='tensor')['proposals']
    assert all(len(each.boxes) and each.scores.isfinite().all() for each in proposals)
