"""The dense branch: nothing at first, then what lies at a cell's own place."""
from __future__ import annotations

import pytest
import torch

import sparse_dense_fusion.register  # noqa: F401
from sparse_dense_fusion.map_fusion import MapFusion


def fusion() -> MapFusion:
    torch.manual_seed(1)
    model = MapFusion(channels=8, num_layers=2, num_heads=2, feedforward_channels=16)
    model.init_weights()
    return model


@pytest.mark.parametrize('mode', ['train', 'eval'])
def test_untrained_it_gives_the_map_as_it_is(mode):
    model = getattr(fusion(), mode)()
    bev, cameras = torch.randn(2, 8, 5, 7), torch.randn(2, 8, 5, 7)
    found = model(bev, cameras)
    assert torch.equal(found, bev) and found.stride() == bev.stride()


def test_also_without_init_weights():
    model = MapFusion(channels=8, num_heads=2)
    bev = torch.randn(1, 8, 4, 4)
    assert torch.equal(model(bev, torch.randn(1, 8, 4, 4)), bev)


def test_a_cell_looks_at_its_own_place():
    """One head, one point without an offset: the value of the same cell, handed on as it is."""
    torch.manual_seed(1)
    model = MapFusion(channels=8, num_layers=1, num_heads=1, num_points=1)
    layer = model.layers[0]
    attention = layer.attention
    for part in (attention.sampling_offsets, attention.value_proj, attention.output_proj):
        torch.nn.init.zeros_(part.weight)
        torch.nn.init.zeros_(part.bias)
    for part in (attention.value_proj, attention.output_proj):
        torch.nn.init.eye_(part.weight)
    bev, cameras = torch.randn(2, 8, 5, 7), torch.randn(2, 8, 5, 7)
    expected = bev + torch.nn.functional.layer_norm(
        cameras.permute(0, 2, 3, 1), (8, )).permute(0, 3, 1, 2)
    torch.testing.assert_close(model(bev, cameras), expected, atol=1e-5, rtol=1e-5)


def test_the_cameras_matter_once_something_was_learned():
    model = fusion()
    torch.nn.init.eye_(model.layers[0].attention.output_proj.weight)
    bev = torch.randn(1, 8, 5, 7)
    one, other = (model(bev, torch.randn(1, 8, 5, 7)) for _ in range(2))
    assert not torch.allclose(one, other, atol=1e-3)


def test_half_precision_stays_half():
    model = fusion().bfloat16()
    for layer in model.layers:
        layer.attention.float()
        layer.norm_cameras.float()
    maps = [torch.randn(1, 8, 4, 4).bfloat16() for _ in range(2)]
    assert torch.equal(model(*maps), maps[0])
