"""The center head with velocities against mmdet3d's, with and without unknown ones."""
from __future__ import annotations

import torch
from mmdet3d.models.dense_heads import CenterHead
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData

from sparse3d.models.heads import MovingCenterHead

BOXES = torch.tensor([[6.3, 1.2, -1.0, 4.0, 1.6, 1.5, 0.4, 3.0, -1.0],
                      [12.1, -5.0, -1.2, 3.9, 1.7, 1.4, -2.0, 0.0, 0.0]])
RANGE = [0, -8, -3, 16, 8, 1]


def head_arguments() -> dict:
    coder = dict(type='CenterPointBBoxCoder', pc_range=RANGE[:2], max_num=20, score_threshold=0.0,
                 post_center_range=[-50, -50, -10, 50, 50, 10], out_size_factor=4,
                 voxel_size=[0.25, 0.25], code_size=9)
    train_cfg = dict(grid_size=[64, 64, 10], voxel_size=[0.25, 0.25, 0.4], out_size_factor=4,
                     point_cloud_range=RANGE, dense_reg=1, gaussian_overlap=0.1, min_radius=2,
                     max_objs=10, code_weights=[1.0] * 8 + [0.2, 0.2])
    return dict(in_channels=8, tasks=[dict(num_class=1, class_names=['car'])], share_conv_channel=8,
                common_heads=dict(reg=(2, 2), height=(1, 2), dim=(3, 2), rot=(2, 2), vel=(2, 2)),
                separate_head=dict(type='SeparateHead', init_bias=-2.19, final_kernel=3),
                loss_cls=dict(type='mmdet.GaussianFocalLoss', reduction='mean'),
                loss_bbox=dict(type='mmdet.L1Loss', reduction='mean', loss_weight=0.25),
                bbox_coder=coder, norm_bbox=True, train_cfg=ConfigDict(train_cfg),
                test_cfg=ConfigDict(nms_type='rotate'))


def losses(head, features, known=None) -> dict:
    truth = InstanceData(bboxes_3d=LiDARInstance3DBoxes(BOXES, box_dim=9),
                         labels_3d=torch.zeros(len(BOXES), dtype=torch.long))
    if known is not None:
        truth.velocity_known = torch.tensor(known)
    return head.loss_by_feat(head([features]), [truth])


def test_losses_are_mmdet3ds_where_all_velocities_are_known():
    ours, theirs = MovingCenterHead(**head_arguments()), CenterHead(**head_arguments())
    theirs.load_state_dict(ours.state_dict())
    features = torch.randn(1, 8, 16, 16)
    expected = losses(theirs, features)
    for known in (None, [True, True]):
        found = losses(ours, features, known)
        assert found.keys() == expected.keys()
        for name, value in found.items():
            torch.testing.assert_close(value, expected[name])


def test_an_unknown_velocity_has_no_part_in_the_loss():
    head, features = MovingCenterHead(**head_arguments()), torch.randn(1, 8, 16, 16)
    gradients = {}
    for known in ([True, True], [True, False], [False, False]):
        head.zero_grad()
        found = losses(head, features, known)
        assert all(torch.isfinite(value) for value in found.values())
        sum(found.values()).backward()
        gradients[sum(known)] = {name: parameter.grad.clone() for name, parameter
                                 in head.task_heads[0].named_parameters()}
    velocity = 'vel.1.weight'
    assert not gradients[0][velocity].any()
    assert gradients[1][velocity].any() and not torch.equal(
        gradients[1][velocity], gradients[2][velocity])
    torch.testing.assert_close(gradients[0]['dim.1.weight'], gradients[2]['dim.1.weight'])


def test_no_objects_and_first_scores_near_the_bias():
    head = MovingCenterHead(**head_arguments())
    head.init_weights()
    empty = InstanceData(bboxes_3d=LiDARInstance3DBoxes(torch.zeros(0, 9), box_dim=9),
                         labels_3d=torch.zeros(0, dtype=torch.long),
                         velocity_known=torch.zeros(0, dtype=torch.bool))
    outputs = head([torch.randn(1, 8, 16, 16)])
    assert abs(float(outputs[0][0]['heatmap'].detach().mean()) + 2.19) < 0.5
    assert float(head.loss_by_feat(outputs, [empty])['task0.loss_bbox']) == 0
