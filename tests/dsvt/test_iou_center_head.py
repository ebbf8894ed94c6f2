"""Center head: targets by hand, decoding inverts encoding, edge cases."""
from __future__ import annotations

from math import exp, log

import pytest
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.structures import InstanceData

from dsvt import IoUCenterHead
from dsvt.center_targets import center_targets
from grouped_arguments import grouped
from sparse3d.errors import ConfigError
from sparse3d.models.center.bev_grid import BEVGrid
from sparse3d.models.center.box_coder import CenterBoxCoder

CODER = CenterBoxCoder(BEVGrid((-4.0, -2.0), (0.5, 0.5), (16, 8)), cosine_first=True)
BOX = torch.tensor([[1.3, 0.2, 0.5, 4.0, 2.0, 1.5, 0.7]])


def head(**settings) -> IoUCenterHead:
    return IoUCenterHead(**grouped(IoUCenterHead, **{**dict(
        in_channels=8, num_classes=2, voxel_size=(0.5, 0.5, 4),
        point_cloud_range=(-4, -2, -2, 4, 2, 2), channels=8, rectifier=(0.5, 0.5),
        iou_thresholds=(0.5, 0.5)), **settings}))


def test_target_of_one_box_by_hand():
    targets = center_targets([BOX], [torch.tensor([1])], CODER, 2)
    assert targets.index.tolist() == [4 * 16 + 10]                # x 1.3 -> 10.6, y 0.2 -> 4.4
    expected = [0.6, 0.4, 0.5, log(4.0), log(2.0), log(1.5), torch.cos(BOX[0, 6]).item(),
                torch.sin(BOX[0, 6]).item()]
    assert targets.codes[0].tolist() == pytest.approx(expected, abs=1e-5)
    assert (targets.heatmap[0, 1] == 1).nonzero().tolist() == [[4, 10]]
    assert targets.heatmap[0, 0].abs().sum() == 0


def test_decoding_inverts_encoding():
    boxes = torch.cat([BOX, BOX * torch.tensor([-1, 0.3, 1, 0.5, 2, 1, -3])])
    targets = center_targets([boxes[:1], boxes[1:]], [torch.tensor([0]), torch.tensor([1])],
                             CODER, 2)
    decoded = CODER.decode(targets.codes, CODER.grid.columns_and_rows(targets.index % (8 * 16)))
    torch.testing.assert_close(decoded, boxes, rtol=1e-5, atol=1e-5)


def test_objects_that_cannot_be_drawn_are_left_out():
    off = BOX + torch.tensor([9.0, 0, 0, 0, 0, 0, 0])
    flat = BOX * torch.tensor([1, 1, 1, 0, 1, 1, 1.0])
    boxes = torch.cat([off, flat, BOX, BOX])
    targets = center_targets([boxes], [torch.tensor([0, 0, 0, -1])], CODER, 2)
    assert len(targets.boxes) == 1
    assert len(center_targets([BOX.expand(9, 7)], [torch.zeros(9, dtype=torch.long)], CODER, 2,
                              max_objects=4).boxes) == 4


def test_predicts_the_boxes_of_its_own_targets():
    module = head()
    targets = module.targets({'hm': torch.zeros(1, 2, 8, 16)}, [BOX], [torch.tensor([1])])
    codes = targets.codes[0].view(8, 1, 1).expand(8, 8, 16)
    maps = dict(center=codes[:2], center_z=codes[2:3], dim=codes[3:6], rot=codes[6:])
    maps = {name: values[None] for name, values in maps.items()}
    maps['hm'] = torch.full((1, 2, 8, 16), -9.0)
    maps['hm'][0, 1, 4, 10] = 2.0
    maps['iou'] = torch.ones(1, 1, 8, 16)
    found, = module.predict_by_maps(maps)
    assert found.labels_3d.tolist() == [1]
    assert found.scores_3d.item() == pytest.approx((1 / (1 + exp(-2))) ** 0.5, rel=1e-5)
    torch.testing.assert_close(found.bboxes_3d.gravity_center, BOX[:, :3])
    torch.testing.assert_close(found.bboxes_3d.tensor[:, 3:], BOX[:, 3:], rtol=1e-5, atol=1e-5)
    losses = module.loss_by_maps(maps, [BOX], [torch.tensor([1])])
    assert losses['loss_bbox'].item() == pytest.approx(0, abs=1e-5)
    assert losses['loss_diou'].item() == pytest.approx(0, abs=1e-5)
    assert losses['loss_iou'].item() == pytest.approx(0, abs=1e-4)


def test_samples_without_objects_train_and_predict():
    module = head(score_threshold=0.9)
    sample = Det3DDataSample()
    sample.gt_instances_3d = InstanceData(bboxes_3d=LiDARInstance3DBoxes(torch.zeros(0, 7)),
                                          labels_3d=torch.zeros(0, dtype=torch.long))
    features = [torch.randn(2, 8, 8, 16, requires_grad=True)]
    losses = module.loss(features, [sample, sample])
    assert losses['loss_bbox'].item() == losses['loss_iou'].item() == 0
    sum(losses.values()).backward()
    assert all(parameter.grad is not None for parameter in module.parameters())
    assert [len(found.scores_3d) for found in module.predict(features, [sample, sample])] == [0, 0]


def test_settings_for_another_number_of_classes_are_refused():
    with pytest.raises(ConfigError, match='rectifier of IoUCenterHead has 3 numbers for 2'):
        head(rectifier=(0.5, 0.5, 0.5))
