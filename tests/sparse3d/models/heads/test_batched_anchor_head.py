"""The head's targets and losses are those of mmdet3d's head; anchors are made once."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

import sparse3d.register  # noqa: F401

ASSIGNER = dict(type='Max3DIoUAssigner', pos_iou_thr=0.6, neg_iou_thr=0.45, min_pos_iou=0.45,
                iou_calculator=dict(type='BboxOverlapsNearest3D'))


def heads(assigner=None, **changes):
    init_default_scope('mmdet3d')
    config = dict(
        num_classes=2, in_channels=4, feat_channels=4, assign_per_class=True,
        use_direction_classifier=True, dir_offset=0.78539, dir_limit_offset=0,
        anchor_generator=dict(
            type='Anchor3DRangeGenerator', reshape_out=False, rotations=[0, 1.57],
            ranges=[[0, -4, -1.8, 8, 4, -1.8], [0, -4, -.6, 8, 4, -.6]],
            sizes=[[3.9, 1.6, 1.56], [0.8, 0.6, 1.73]]),
        bbox_coder=dict(type='DeltaXYZWLHRBBoxCoder'),
        loss_cls=dict(type='mmdet.FocalLoss', use_sigmoid=True), train_cfg=ConfigDict(
            assigner=assigner or [ASSIGNER, dict(ASSIGNER, pos_iou_thr=0.3, neg_iou_thr=0.2)],
            pos_weight=-1))
    config.update(changes)
    return [MODELS.build(dict(config, type=name))
            for name in ('BatchedAnchorHead', 'Anchor3DHead')]


def truth(count: int) -> InstanceData:
    boxes = torch.rand(count, 7) * torch.tensor([8, 8, 1, 3, 1, 1, 6]) + torch.tensor(
        [0, -4, -1.8, 1, 1, 1, 0])
    return InstanceData(bboxes_3d=LiDARInstance3DBoxes(boxes), labels_3d=torch.arange(count) % 2)


@pytest.mark.parametrize('changes', [
    {}, dict(assign_per_class=False),
    dict(assigner=ASSIGNER),
    dict(loss_cls=dict(type='mmdet.CrossEntropyLoss', use_sigmoid=True), train_cfg=ConfigDict(
        assigner=[ASSIGNER] * 2, pos_weight=2,
        sampler=dict(type='PseudoSampler')))])
def test_losses_are_those_of_mmdet3d(changes):
    ours, theirs = heads(**changes)
    theirs.load_state_dict(ours.state_dict())
    outputs = ours([torch.randn(3, 4, 9, 7)])
    objects = [truth(12), truth(0), truth(1)]
    found, expected = (head.loss_by_feat(
        *outputs, [sample.clone() for sample in objects], [{}] * 3) for head in (ours, theirs))
    assert found.keys() == expected.keys()
    for name in found:
        assert torch.equal(found[name][0], expected[name][0]), name
    assert sum(found['loss_bbox']) > 0


def test_objects_are_left_as_they_are():
    ours, _ = heads(assigner=ASSIGNER)
    sample = truth(3)
    ours.loss_by_feat(*ours([torch.randn(1, 4, 9, 7)]), [sample], [{}])
    assert isinstance(sample.bboxes_3d, LiDARInstance3DBoxes)


def test_anchors_are_made_once_for_a_size_of_map_and_serve_in_training():
    ours, theirs = heads()
    with torch.inference_mode():
        first = ours.get_anchors([(3, 5)], [{}, {}], 'cpu')
    again = ours.get_anchors([torch.Size((3, 5))], [{}], 'cpu')
    assert again[0][0] is first[1][0] and not again[0][0].is_inference()
    larger = ours.get_anchors([(4, 5)], [{}], 'cpu')[0][0]
    assert torch.equal(larger, theirs.get_anchors([(4, 5)], [{}], 'cpu')[0][0])
