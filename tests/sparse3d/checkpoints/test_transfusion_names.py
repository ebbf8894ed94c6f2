"""Each name is that of one rule."""
from __future__ import annotations

import re

import pytest

from sparse3d.checkpoints.transfusion_names import HEAT, TRANSFUSION_HEAD


@pytest.mark.parametrize(('name', 'ours'), [
    ('heatmap_head.0.bn.running_var', 'heat.1.running_var'),
    ('heatmap_head.1.bias', 'heat.3.bias'),
    ('decoder.norm2.weight', 'decoder.layers.0.cross_attention.norm.weight'),
    ('prediction_head.vel.0.1.weight', 'decoder.branches.branches.vel.1.weight'),
    ('prediction_head.vel.1.bias', 'decoder.branches.branches.vel.3.bias')])
def test_one_rule_names_it(name, ours):
    found = [re.sub(pattern, new, f'dense_head.{name}') for pattern, new in HEAT + TRANSFUSION_HEAD
             if re.fullmatch(pattern, f'dense_head.{name}')]
    assert found == [f'bbox_head.{ours}']
