"""The center head without velocity against mmdet3d's head with one."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.models.dense_heads import CenterHead
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData

from sparse3d.models.heads import StaticCenterHead

BOXES = torch.tensor([[6.3, 1.2, -1.0, 4.0, 1.6, 1.5, 0.4],
                      [12.1, -5.0, -1.2, 3.9, 1.7, 1.4, -2.0]])
RANGE = [0, -8, -3, 16, 8, 1]


def head_arguments(code_size: int, **heads) -> dict:
    common_heads = dict(reg=(2, 2), height=(1, 2), dim=(3, 2), rot=(2, 2), **heads)
    train_cfg = dict(grid_size=[64, 64, 10], voxel_size=[0.25, 0.25, 0.4], out_size_factor=4,
                     point_cloud_range=RANGE, dense_reg=1, gaussian_overlap=0.1, min_radius=2,
                     max_objs=10, code_weights=[1.0] * 8 + [0.0] * (code_size == 9) * 2)
    coder = dict(type='CenterPointBBoxCoder', pc_range=RANGE[:2], max_num=20, score_threshold=0.0,
                 post_center_range=[-50, -50, -10, 50, 50, 10], out_size_factor=4,
                 voxel_size=[0.25, 0.25], code_size=code_size)
    test_cfg = dict(nms_type='rotate', post_center_limit_range=[-50, -50, -10, 50, 50, 10],
                    score_threshold=0.0, nms_thr=0.1, pre_max_size=20, post_max_size=8)
    return dict(in_channels=8, tasks=[dict(num_class=1, class_names=['Car'])], share_conv_channel=8,
                common_heads=common_heads, bbox_coder=coder, norm_bbox=True,
                separate_head=dict(type='SeparateHead', init_bias=-2.19, final_kernel=3),
                loss_cls=dict(type='mmdet.GaussianFocalLoss', reduction='mean'),
                loss_bbox=dict(type='mmdet.L1Loss', reduction='mean', loss_weight=0.25),
                train_cfg=ConfigDict(train_cfg), test_cfg=ConfigDict(test_cfg))


def instances(boxes: torch.Tensor) -> InstanceData:
    return InstanceData(bboxes_3d=LiDARInstance3DBoxes(boxes, box_dim=boxes.shape[1]),
                        labels_3d=torch.zeros(len(boxes), dtype=torch.long))


def losses(head, boxes: torch.Tensor, features: torch.Tensor) -> dict:
    return head.loss_by_feat(head([features]), [instances(boxes)])


def test_losses_equal_those_of_resting_boxes_with_velocity():
    ours = StaticCenterHead(**head_arguments(7))
    theirs = CenterHead(**head_arguments(9, vel=(2, 2)))
    assert not theirs.load_state_dict(ours.state_dict(), strict=False).unexpected_keys
    features = torch.randn(1, 8, 16, 16)
    moving = torch.cat([BOXES, torch.zeros(2, 2)], dim=1)
    found, expected = losses(ours, BOXES, features), losses(theirs, moving, features)
    assert found.keys() == expected.keys()
    for name in found:
        torch.testing.assert_close(found[name], expected[name])


def test_the_head_of_mmdet3d_cannot_train_on_boxes_without_velocity():
    with pytest.raises((ValueError, KeyError)):
        losses(CenterHead(**head_arguments(9, vel=(2, 2))), BOXES, torch.randn(1, 8, 16, 16))


def test_detections_have_seven_numbers_and_stand_on_their_bottom():
    head = StaticCenterHead(**head_arguments(7)).eval()
    outputs = head([torch.randn(1, 8, 16, 16)])
    found = head.predict_by_feat(outputs, [dict(box_type_3d=LiDARInstance3DBoxes)])[0]
    assert found.bboxes_3d.tensor.shape[1] == 7 and len(found.scores_3d) == len(found.bboxes_3d) > 0
    raw = head.bbox_coder.decode(outputs[0][0]['heatmap'].sigmoid(), outputs[0][0]['rot'][:, :1],
                                 outputs[0][0]['rot'][:, 1:], outputs[0][0]['height'],
                                 outputs[0][0]['dim'].exp(), None, reg=outputs[0][0]['reg'])[0]
    best = raw['bboxes'][0]
    bottom = found.bboxes_3d.tensor[found.scores_3d.argmax(), 2]
    torch.testing.assert_close(bottom, best[2] - best[5] / 2)


def test_a_frame_without_boxes_has_a_finite_loss():
    found = losses(StaticCenterHead(**head_arguments(7)), BOXES[:0], torch.randn(1, 8, 16, 16))
    assert all(torch.isfinite(value) for value in found.values())
    assert found['task0.loss_bbox'] == 0


def test_heat_maps_start_low():
    def first_scores(head):
        head.init_weights()
        return head([torch.randn(1, 8, 16, 16)])[0][0]['heatmap'].sigmoid()

    assert first_scores(CenterHead(**head_arguments(9, vel=(2, 2)))).mean() > 0.3  # upstream
    low = first_scores(StaticCenterHead(**head_arguments(7)))
    assert low.min() > 0.05 and low.max() < 0.2


def test_a_velocity_branch_is_refused():
    with pytest.raises(ValueError, match="drop 'vel'"):
        StaticCenterHead(**head_arguments(7, vel=(2, 2)))
