"""NMS under autocast: boxes and scores of two types, and float32 as it was."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.models.layers import box3d_nms
from mmdet3d.models.layers.box3d_nms import nms_bev, nms_normal_bev

from sparse3d.compat import nms_types

BOXES = torch.tensor([[0.0, 0, 4, 2, 0.3], [0.5, 0, 4.5, 2, 0.3], [9.0, 9, 13, 11, 1.0]])
SCORES = torch.tensor([0.5, 0.75, 0.25])  # the same in every type


@pytest.fixture(autouse=True)
def repaired():
    nms_types.apply_patch()


def test_upstream_refuses_two_types():
    with pytest.raises(RuntimeError, match='scalar_type'):
        box3d_nms.nms_rotated.upstream(BOXES, SCORES.bfloat16(), 0.3)


@pytest.mark.parametrize('suppress', [nms_bev, nms_normal_bev])
@pytest.mark.parametrize('boxes', [torch.float32, torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize('scores', [torch.float32, torch.bfloat16, torch.float16])
def test_every_pair_of_types_keeps_the_same_boxes(suppress, boxes, scores):
    assert suppress(BOXES.to(boxes), SCORES.to(scores), 0.3).tolist() == [1, 2]


def test_float32_goes_through_untouched(monkeypatch):
    seen = []
    suppress = nms_types._of_one_type(lambda *arguments: seen.extend(arguments), torch.float64)
    suppress(BOXES, SCORES, 0.3)
    assert seen[0] is BOXES and seen[1] is SCORES


def test_repairing_twice_changes_nothing():
    before = box3d_nms.nms_rotated
    nms_types.apply_patch()
    assert box3d_nms.nms_rotated is before
