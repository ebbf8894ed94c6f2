"""Weights of the names that the shared projections had before."""
from __future__ import annotations

import pytest
import torch

from sparse3d.checkpoints.renames import renamed

CONFIG = "custom_imports = dict(imports=['sparse4d.register'])\n"


@pytest.mark.parametrize('old', ['after', 'projection'])
def test_old_names_become_the_present_ones(recurrent_detector, old):
    state = recurrent_detector().state_dict()
    before = {name.replace('values.value_projection', 'values.before').replace(
        'values.output_projection', f'values.{old}'): value for name, value in state.items()}
    assert before.keys() != state.keys()
    content, changes = renamed(dict(state_dict=before, meta=dict(cfg=CONFIG)))
    assert content['state_dict'].keys() == state.keys() and len(changes) == 2
    assert torch.equal(content['state_dict']['bbox_head.values.output_projection.weight'],
                       state['bbox_head.values.output_projection.weight'])
