"""The set of published quirks reaches the parts, those of the core among them."""
from __future__ import annotations

import pytest
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope

from safdnet.published_checkpoint import CONFIGS, QUIRKS
from sparse3d.engine.load_config import load_config

PARTS = dict(
    int32_keys=lambda model: model.voxel_encoder.int32_keys,
    swapped_limits=lambda model: model.bbox_head.published.swapped_limits,
    inverted_mask=lambda model: model.bbox_head.published.inverted_mask,
    unmasked=lambda model: model.bbox_head.published.unmasked,
    iou_shift=lambda model: model.bbox_head.losses.iou_shift == 0.5)


@pytest.mark.parametrize('system', ['argoverse2', 'nuscenes', 'hednet_waymo', 'hednet_nuscenes'])
def test_each_quirk_reaches_its_part(system):
    init_default_scope('mmdet3d')
    for off in (None, *QUIRKS[system]):
        quirks = {name: True for name in QUIRKS[system] if name != off}
        config = load_config(CONFIGS[system], {'model.published': quirks})
        model = MODELS.build(config.model)
        for name in QUIRKS[system]:
            reached = PARTS[name](model) if name in PARTS else (
                config.optim_wrapper.paramwise_cfg[name])
            assert reached is (name != off), name
