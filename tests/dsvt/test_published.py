"""The set of published quirks reaches the parts, the core's head among them."""
from __future__ import annotations

import pytest
from mmdet3d.registry import MODELS

from dsvt.published_checkpoint import QUIRKS
from sparse3d.engine.load_config import load_config
from sparse3d.published import hand_down

OF_THE_HEAD = dict(
    lone_queries=lambda head: head.decoder.layers[0].published.lone_queries,
    wrapping=lambda head: head.decoder.layers[0].published.wrapping,
    top_height=lambda head: head.coder.boxes.height == 1.0,
    iou_shift=lambda head: head.losses.iou_shift == 0.5)


@pytest.mark.parametrize('off', [None, *OF_THE_HEAD])
def test_each_quirk_reaches_its_part(off):
    quirks = {name: name != off for name in QUIRKS['nuscenes']}
    model = load_config('dsvt_pillar_nuscenes_20e', {'model.published': quirks}).model
    head = MODELS.build(hand_down(model.published, bbox_head=model.bbox_head,
                                   voxel_encoder=model.voxel_encoder)[0])
    for name, found in OF_THE_HEAD.items():
        assert found(head) is (name != off), name
