"""The layer is PyTorch's, its weights and names as well."""
from __future__ import annotations

import pytest
import torch
from torch import nn

from sparse3d.models.layers.linear import Linear

pytestmark = pytest.mark.fast


def test_it_holds_and_computes_what_pytorchs_layer_does():
    torch.manual_seed(0)
    theirs = nn.Linear(256, 300)
    mine = Linear(256, 300)
    mine.load_state_dict(theirs.state_dict())
    given = torch.randn(4, 50, 256)
    torch.testing.assert_close(mine(given), theirs(given), rtol=1e-5, atol=1e-5)
    assert isinstance(mine, nn.Linear) and repr(mine) == repr(theirs)
