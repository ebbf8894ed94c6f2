"""Growth by group, no gradient past the branch, wrong kernel sizes."""
from __future__ import annotations

import pytest
import torch
from spconv.pytorch import SparseConvTensor

from safdnet import AdaptiveFeatureDiffusion
from sparse3d.errors import ConfigError

MAP = dict(point_cloud_range=[0, 0, -1, 16, 8, 1], voxel_size=[0.5, 0.5, 2], stride=1)


def module(**settings):
    options = dict(groups=[[0], [1, 2]], kernel_sizes=(5, 3, 1), threshold=0.4)
    return AdaptiveFeatureDiffusion(8, MAP, {**options, **settings}, blocks=(1, 1))


def cells():
    coordinates = torch.tensor([[0, 4, 4], [0, 10, 20], [1, 15, 31]], dtype=torch.int32)
    return SparseConvTensor(torch.randn(3, 8), coordinates, [16, 32], 2)


def test_each_group_grows_by_its_own_square():
    foreground = torch.tensor([[True, False], [False, True], [False, False]])
    grown = module().with_new_cells(cells(), foreground)
    counts = [(grown.indices[:, 0] == 0).sum().item(), (grown.indices[:, 0] == 1).sum().item()]
    assert counts == [25 + 9, 1]
    background = module(kernel_sizes=(1, 1, 3)).with_new_cells(cells(), foreground)
    assert len(background.indices) == 1 + 1 + 4          # in the corner of the map


def test_the_branch_teaches_no_feature():
    grower, tensor = module().eval(), cells()
    tensor = tensor.replace_feature(tensor.features.requires_grad_())
    _, found = grower(tensor)
    losses = grower.losses(found, [torch.tensor([[2.2, 2.2, 0, 2, 2, 1, 0]])] * 2,
                           [torch.tensor([1])] * 2)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert tensor.features.grad is None
    assert grower.cls_output.weight.grad.abs().sum() > 0


@pytest.mark.parametrize('sizes', [(5, 3), (4, 3, 1), (5, 3, -1)])
def test_wrong_kernel_sizes(sizes):
    with pytest.raises(ConfigError, match='one odd number for each of the 2 groups and one'):
        module(kernel_sizes=sizes)
