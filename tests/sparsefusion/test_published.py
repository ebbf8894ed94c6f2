"""The set of published quirks reaches the suppression of doubles."""
from __future__ import annotations

import pytest
from mmdet3d.registry import MODELS

from sparse3d.engine.load_config import load_config
from sparse3d.published import hand_down
from sparsefusion.published_checkpoint import QUIRKS

OFF = dict(squared_radius=lambda head: not head.suppression.squared_radius,
           zero_scores=lambda head: not head.suppression.zero_scores,
           match_height=lambda head: not head.losses.match_height,
           radii=lambda head: head.suppression.radii[0] == 0.592)


@pytest.mark.parametrize('off', [None, *OFF])
def test_each_quirk_reaches_its_part(off):
    quirks = {name: value for name, value in QUIRKS.items() if name != off}
    model = load_config('sparsefusion_r50_nuscenes', {'model.published': quirks}).model
    head = MODELS.build(hand_down(model.published, bbox_head=model.bbox_head)[0])
    for name, is_off in OFF.items():
        assert is_off(head) is (name == off), name
