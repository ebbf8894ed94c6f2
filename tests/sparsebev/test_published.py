"""The set of published quirks reaches the parts of the models that were released."""
from __future__ import annotations

import torch

from sparse3d.engine.load_config import load_config
from sparse3d.models.backbones.rotary_positions import rotary_tables
from sparse3d.published import hand_down
from sparsebev.head import SparseBEVHead

RANGE = [-51.2, -51.2, -5.0, 51.2, 51.2, 3.0]


def test_each_quirk_reaches_its_part():
    model = load_config('sparsebev_eva02_future_nuscenes_trainval',
                        {'model.published': dict(rotary_resize=True, scale_order=True)}).model
    backbone, head = hand_down(model.published, backbone=model.backbone, bbox_head=model.bbox_head)
    assert backbone.net.positions.resize_rotary_tables is True and head.published.scale_order
    tables = [rotary_tables((4, 12), 64, 96, published_resize=flag)[0] for flag in (False, True)]
    assert (tables[0] - tables[1]).abs().max() > 1e-3
    for weights in (None, [1.0] * 10):
        built = SparseBEVHead(3, 4, RANGE, dict(channels=32, num_heads=2),
                              published=dict(code_weights=weights))
        expected = torch.tensor(weights or [2.0, 2.0] + [1.0] * 8)
        assert torch.equal(torch.as_tensor(built.losses.code_weights).flatten(), expected)
