"""A tiny detector learns a scene, and finds its boxes again."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

from sparse3d.ops.rotated_iou import rotated_iou_3d

RANGE, SIZE = [0, -8, -2, 16, 8, 2], [0.5, 0.5, 0.5]
BOXES = torch.tensor([[4.2, 2.3, -1.5, 3.9, 1.7, 1.5, 0.4], [10.6, -4.1, -1.5, 4.2, 1.8, 1.6, -1.1],
                      [12.3, 5.2, -1.4, 0.8, 0.7, 1.7, 0.0]])
LABELS = torch.tensor([0, 0, 1])


def detector():
    init_default_scope('mmdet3d')
    voxels = dict(max_num_points=-1, point_cloud_range=RANGE, voxel_size=SIZE, max_voxels=(-1, -1))
    return MODELS.build(dict(
        type='VoxelDetector',
        data_preprocessor=dict(type='Det3DDataPreprocessor', voxel=True, voxel_type='dynamic',
                               voxel_layer=voxels),
        voxel_encoder=dict(type='DynamicVoxelEncoder', in_channels=4, feat_channels=(32, 32),
                           voxel_size=SIZE, point_cloud_range=RANGE),
        middle_encoder=dict(
            type='DSVTEncoder', grid_shape=(32, 32, 8), channels=32, blocks=(1, 1),
            attention=dict(num_heads=4, feedforward_channels=64), pool_strides=((1, 1, 8), ),
            sets=dict(window_shapes=((8, 8, 8), (8, 8, 1)), window_shift=(4, 4, 0), set_size=12)),
        backbone=dict(type='ResidualBEVBackbone', in_channels=32, layer_nums=(1, 1),
                      layer_strides=(1, 2), out_channels=(32, 32), upsample_strides=(1, 2),
                      upsample_channels=(32, 32), momentum=0.1),
        bbox_head=dict(type='IoUCenterHead', in_channels=64, num_classes=2, channels=32,
                       bbox_coder=dict(voxel_size=SIZE, point_cloud_range=RANGE),
                       detections=dict(rectifier=(0.5, 0.5), iou_thresholds=(0.1, 0.1)))))


def scene() -> torch.Tensor:
    """Points inside the boxes and on the ground, [N, 4]."""
    clouds = [torch.cat([torch.rand(300, 2) * 16 - torch.tensor([0, 8.]),
                         torch.full((300, 1), -1.7), torch.rand(300, 1)], 1)]
    for x, y, z, dx, dy, dz, yaw in BOXES:
        inside = (torch.rand(120, 3) - 0.5) * torch.stack([dx, dy, dz])
        turned = torch.stack([inside[:, 0] * yaw.cos() - inside[:, 1] * yaw.sin() + x,
                              inside[:, 0] * yaw.sin() + inside[:, 1] * yaw.cos() + y,
                              inside[:, 2] + dz / 2 + z, torch.rand(120)], 1)
        clouds.append(turned)
    return torch.cat(clouds)


@pytest.mark.slow
def test_learns_a_scene():
    model = detector().train()
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = 0.3    # running statistics have to follow within few steps
    truth = Det3DDataSample()
    truth.gt_instances_3d = InstanceData(bboxes_3d=LiDARInstance3DBoxes(BOXES), labels_3d=LABELS)
    batch = model.data_preprocessor({'inputs': {'points': [scene(), scene()]},
                                     'data_samples': [truth, truth]}, True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(80):
        losses = model.loss(batch['inputs'], batch['data_samples'])
        optimizer.zero_grad()
        sum(losses.values()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10)
        optimizer.step()
    model.eval()
    with torch.no_grad():
        found = model.predict(batch['inputs'], batch['data_samples'])[0].pred_instances_3d
    best = found.scores_3d.argsort(descending=True)[:len(BOXES)]
    overlap = rotated_iou_3d(BOXES, found.bboxes_3d.tensor[best])
    assert sorted(overlap.argmax(1).tolist()) == [0, 1, 2]
    assert overlap.amax(1).min() > 0.5
    assert torch.equal(found.labels_3d[best][overlap.argmax(1)], LABELS)
    assert found.scores_3d[best].min() > 0.4
