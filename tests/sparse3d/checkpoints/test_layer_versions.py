"""Weights of others whose state dict lost the versions of its layers."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.models.layers.spconv import IS_SPCONV2_AVAILABLE
from spconv.pytorch import SparseConv3d, SparseSequential, SubMConv3d
from torch import nn

import sparse3d.register  # noqa: F401  (mmdet3d's loading of sparse kernels)
from sparse3d.checkpoints.open import load_weights
from sparse3d.errors import CheckpointError

KERNELS = ('conv.0.weight', 'conv.2.weight', 'conv.3.weight')


def model(**options) -> nn.ModuleDict:
    """A kernel of one shape in both layouts is among them: three channels, three cells."""
    return nn.ModuleDict(dict(
        conv=SparseSequential(SubMConv3d(3, 3, 3, bias=True), nn.BatchNorm1d(3),
                              SparseConv3d(3, 8, (3, 1, 1)), SubMConv3d(8, 8, 1)),
        head=nn.Conv2d(8, 2, 1)), **options)


def turned(state: dict) -> dict:
    """Kernels as spconv 1.x stores them: output channels last."""
    return {name: value.permute(1, 2, 3, 4, 0).contiguous() if name in KERNELS else value
            for name, value in state.items()}


KINDS = {
    'with versions': lambda state: state,
    'plain': dict,
    'average': lambda state: {name: (value + value) / 2 if value.is_floating_point() else value
                              for name, value in state.items()},
    'half precision': lambda state: {name: value.half() if value.is_floating_point() else value
                                     for name, value in state.items()},
    'of several processes': lambda state: {f'module.{name}': value
                                           for name, value in state.items()},
    'spconv 1.x': turned,
}


@pytest.mark.parametrize('wrapped', [False, True])
@pytest.mark.parametrize('kind', KINDS)
def test_weights_arrive_whatever_their_marks(tmp_path, kind, wrapped):
    assert IS_SPCONV2_AVAILABLE
    source = model()
    content = KINDS[kind](source.state_dict())
    torch.save(dict(state_dict=content) if wrapped else content, tmp_path / 'a.pth')
    receiver = model()
    load_weights(receiver, tmp_path / 'a.pth')
    for name, value in receiver.state_dict().items():
        torch.testing.assert_close(value, source.state_dict()[name], rtol=1e-3, atol=1e-3)
        if kind != 'half precision':
            assert torch.equal(value, source.state_dict()[name]), name


def test_another_model_is_still_refused_and_a_part_taken_on_request(tmp_path):
    state = dict(model().state_dict())
    state['conv.2.weight'] = torch.zeros(16, 3, 1, 1, 3)
    torch.save(state, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='1 of another shape .*conv.2.weight'):
        load_weights(model(), tmp_path / 'a.pth')
    receiver = model()
    load_weights(receiver, tmp_path / 'a.pth', allow_partial=True)
    assert torch.equal(receiver['conv'][3].weight, state['conv.3.weight'])
