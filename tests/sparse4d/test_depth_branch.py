"""Dense depth by hand: focal lengths, cells without a depth, what does not fit."""
from __future__ import annotations

import pytest
import torch

from sparse3d.errors import ConfigError, DataError
from sparse4d.depth_branch import DepthBranch


@pytest.fixture
def branch():
    branch = DepthBranch(channels=2, num_levels=1)
    with torch.no_grad():
        branch.depth_layers[0].weight.zero_()
        branch.depth_layers[0].bias.fill_(3.0)
    return branch


def test_depth_grows_with_the_focal_length(branch):
    maps = [torch.zeros(1, 2, 2, 3, 4)]
    plain, far = branch(maps)[0], branch(maps, torch.tensor([[100.0, 200.0]]))[0]
    assert plain.shape == (2, 1, 3, 4)
    torch.testing.assert_close(far[0], plain[0])
    torch.testing.assert_close(far[1], 2 * plain[1])


def test_cells_without_a_depth_do_not_count(branch):
    depth = torch.full((1, 1, 2, 2), 10.0)
    wanted = torch.tensor([[[[12.0, -1], [-1, 9]]]])
    assert branch.loss([depth], [wanted]).item() == pytest.approx(0.2 * (2 + 1) / 2)
    assert branch.loss([depth], [torch.full((1, 1, 2, 2), -1.0)]) == 0
    assert branch.loss([depth * 100], [wanted]).item() == pytest.approx(0.2 * (48 + 51) / 2)


def test_sizes_and_levels_that_do_not_fit(branch):
    with pytest.raises(DataError, match='multiples of the strides'):
        branch.loss([torch.zeros(1, 1, 2, 2)], [torch.zeros(1, 1, 4, 4)])
    with pytest.raises(ConfigError, match='has 3 levels, the neck gives 1'):
        DepthBranch(channels=2)([torch.zeros(1, 1, 2, 2, 2)])
    with pytest.raises(ConfigError, match='have to be positive'):
        DepthBranch(num_levels=0)
