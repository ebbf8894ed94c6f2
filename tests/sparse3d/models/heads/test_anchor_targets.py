"""Assignments and overlaps without loops, each against mmdet's and mmdet3d's own."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.models.task_modules import Max3DIoUAssigner
from mmdet3d.structures import BboxOverlapsNearest3D

from sparse3d.models.heads.anchor_targets import assigned_objects, nearest_ious

NEAREST = dict(type='BboxOverlapsNearest3D')


def boxes(count: int) -> torch.Tensor:
    table = torch.rand(count, 7) * 6
    table[:, 3:6] = table[:, 3:6] / 2 + 0.2
    return table


def test_overlaps_are_those_of_mmdet3d_to_the_bit():
    objects, anchors = boxes(9), boxes(200)
    objects[0, 6] = torch.pi / 4
    objects[1, 3:6] = 0
    assert torch.equal(nearest_ious(objects, anchors),
                       BboxOverlapsNearest3D('lidar')(objects, anchors))
    assert nearest_ious(objects[:0], anchors).shape == (0, 200)


@pytest.mark.parametrize('options', [
    {}, dict(gt_max_assign_all=False), dict(match_low_quality=False), dict(min_pos_iou=0.3),
    dict(neg_iou_thr=(0.1, 0.35))])
@pytest.mark.parametrize('objects', [0, 1, 30])
def test_anchors_stand_for_the_objects_of_mmdet(options, objects):
    rule = Max3DIoUAssigner(**dict(dict(pos_iou_thr=0.6, neg_iou_thr=0.45), **options),
                            iou_calculator=NEAREST)
    overlaps = (torch.rand(objects, 300) * 8).round() / 10  # many ties
    expected = rule.assign_wrt_overlaps(overlaps, torch.zeros(objects).long()).gt_inds
    assert torch.equal(assigned_objects(overlaps, rule), expected)
