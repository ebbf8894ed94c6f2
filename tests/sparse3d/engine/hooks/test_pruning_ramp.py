"""The pruned share grows over the first part of training and stays then."""
from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from spconv.pytorch import SparseConvTensor, SubMConv3d
from torch import nn

from sparse3d.engine.hooks.pruning_ramp import PruningRampHook, pruned_layers
from sparse3d.errors import ConfigError
from sparse3d.models.layers.pruned_convolution import prune_convolutions
from sparse3d.ops.pruning_options import PruningOptions


def runner_of(model: nn.Module, step: int) -> SimpleNamespace:
    return SimpleNamespace(model=model, iter=step, max_iters=30)


@pytest.mark.parametrize(('step', 'weak'), [(0, 0), (5, 2), (10, 5), (29, 5)])
def test_the_weak_voxels_of_a_step(step, weak):
    model = nn.Sequential(SubMConv3d(2, 2, 3), SubMConv3d(2, 2, 3))
    prune_convolutions(model, PruningOptions(0.5))
    PruningRampHook().before_train_iter(runner_of(model, step), 0)
    (layer,) = pruned_layers(model)
    cells = torch.stack([torch.zeros(10).long(), *3 * [torch.arange(10)]], 1).int()
    voxels = SparseConvTensor(torch.rand(10, 2), cells, [10] * 3, 1)
    assert (~layer.strength_of(voxels).strong).sum() == weak


def test_a_model_without_pruning_and_a_wrong_share_are_refused():
    with pytest.raises(ConfigError, match='finds no pruned convolution'):
        PruningRampHook().before_train(runner_of(nn.Linear(1, 1), 0))
    with pytest.raises(ConfigError, match='share is 1.5'):
        PruningRampHook(share=1.5)
