from __future__ import annotations

import copy

import pytest
import torch
from mmdet3d.models.roi_heads.bbox_heads.h3d_bbox_head import H3DBboxHead
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

import sparse3d.compat.applied  # noqa: F401
from sparse3d.compat.h3dnet_sum import apply_patch


@pytest.fixture
def head(tmp_path) -> H3DBboxHead:
    init_default_scope('mmdet3d')
    file = tmp_path / 'config.py'
    file.write_text("_base_ = ['mmdet3d::h3dnet/h3dnet_8xb3_scannet-seg.py']\n")
    model = Config.fromfile(file).model
    return MODELS.build(model.roi_head.bbox_head | dict(
        train_cfg=model.train_cfg.rcnn, test_cfg=model.test_cfg.rcnn))


def add_in_place(layer: torch.nn.Module) -> None:
    features = torch.randn(2, layer.conv.in_channels, 5)
    result = layer(features)
    result += 1
    result.sum().backward()


def test_a_sum_in_place_can_be_learned_through(head):
    first = copy.deepcopy(head.bbox_pred[0])  # as an averaged copy of the model is made
    for layer in (head.bbox_pred[0], first):
        add_in_place(layer)
        assert layer.conv.weight.grad is not None
    first._forward_hooks.clear()
    with pytest.raises(RuntimeError, match='modified by an inplace operation'):
        add_in_place(first)


def test_weights_have_their_names(head):
    assert 'bbox_pred.0.conv.weight' in head.state_dict()


def test_repairing_twice_is_repairing_once():
    once = H3DBboxHead.__init__
    apply_patch()
    assert H3DBboxHead.__init__ is once
