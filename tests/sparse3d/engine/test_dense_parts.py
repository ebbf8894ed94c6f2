"""Which parts are dense, how they are laid out, and what is refused."""
from __future__ import annotations

import pytest
import torch
from spconv.pytorch import SubMConv3d
from torch import nn

from sparse3d.engine import dense_parts as module
from sparse3d.engine.dense_parts import (
    arithmetic_type,
    channels_last,
    compile_dense_parts,
    dense_parts,
)
from sparse3d.errors import ConfigError


class Backbone(nn.Sequential):
    """A network of its own class, as backbones are."""

    def forward(self, images):
        for layer in self:
            images = layer(images)
        return images


class Model(nn.Module):
    """Dense and sparse parts under the names that detectors have."""

    def __init__(self):
        super().__init__()
        self.image_backbone = Backbone(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8),
                                       nn.ReLU(), nn.Conv2d(8, 8, 3))
        self.pts_neck = nn.ConvTranspose2d(8, 4, 2, 2)
        self.neck = nn.Sequential(SubMConv3d(4, 4, 3))
        self.backbone = nn.Sequential(nn.Conv2d(4, 4, 1), SubMConv3d(4, 4, 3))
        self.middle_encoder = nn.Conv2d(4, 4, 1)
        self.img_backbone = nn.Linear(4, 4)


def test_only_dense_backbones_and_necks_are_meant():
    assert list(dense_parts(Model())) == ['image_backbone', 'pts_neck']


def test_channels_last_changes_rounding_alone():
    part = Model().image_backbone.eval()
    images = torch.randn(2, 3, 20, 24)
    with torch.no_grad():
        before = part(images)
        channels_last(part)
        after = part(images)
    assert after.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(before, after, rtol=1e-5, atol=1e-5)


def test_compiled_parts_keep_their_names_and_give_one_graph(monkeypatch):
    """By a backend that compiles nothing: that everything is caught in one graph is seen here."""
    model, graphs = Model().eval(), []

    def caught(graph, _):
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(nn.Module, 'compile', lambda part, compiled=nn.Module.compile: compiled(
        part, backend=caught, fullgraph=True))
    names = list(model.state_dict())
    images = torch.randn(1, 3, 9, 9)
    with torch.no_grad():
        before = model.image_backbone(images)
        assert compile_dense_parts(model, 'cpu') == ['image_backbone', 'pts_neck']
        torch.testing.assert_close(model.image_backbone(images), before, rtol=1e-5, atol=1e-5)
    assert len(graphs) == 1 and list(model.state_dict()) == names


def test_what_cannot_be_compiled_is_refused(monkeypatch):
    with pytest.raises(ConfigError, match='Linear has no dense backbone or neck'):
        compile_dense_parts(nn.Linear(1, 1), 'cpu')
    monkeypatch.setattr(module.shutil, 'which', lambda _: None)
    with pytest.raises(ConfigError, match=r'needs a C\+\+ compiler on the CPU and finds none'):
        compile_dense_parts(Model(), 'cpu')


def test_the_compiler_that_torch_calls_is_looked_for(monkeypatch):
    monkeypatch.setattr(module.shutil, 'which', lambda name: name if name == 'clang++' else None)
    monkeypatch.setattr(module.sys, 'platform', 'linux')
    monkeypatch.delenv('CXX', raising=False)
    with pytest.raises(ConfigError, match=r"by the name 'g\+\+', which torch calls"):
        compile_dense_parts(Model(), 'cpu')
    monkeypatch.setenv('CXX', 'clang++')
    assert compile_dense_parts(Model(), 'cpu')


def test_types():
    assert arithmetic_type(None, 'cpu') is arithmetic_type('float32', 'cuda') is None
    assert arithmetic_type(torch.bfloat16, 'cpu') == arithmetic_type('bfloat16', 'cpu') \
        == torch.bfloat16
    assert arithmetic_type('float16', 'cuda:1') == torch.float16
    for wrong in ('int8', torch.float64, 16):
        with pytest.raises(ConfigError, match='use one of float32, bfloat16, float16'):
            arithmetic_type(wrong, 'cpu')
    with pytest.raises(ConfigError, match='float16 is for GPUs; use bfloat16 on a CPU'):
        arithmetic_type('float16', torch.device('cpu'))
