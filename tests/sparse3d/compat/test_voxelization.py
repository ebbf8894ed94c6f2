"""The repair of CPU hard voxelization in mmcv and mmdet3d."""
from __future__ import annotations

from importlib import import_module

import pytest
import torch

from sparse3d.compat import voxelization as repaired

SETTINGS = dict(voxel_size=[0.05, 0.05, 0.1], point_cloud_range=[0, -40, -3, 70.4, 40, 1],
                max_num_points=5, max_voxels=(16000, 40000))


@pytest.fixture
def upstream():
    """The stack as installed; repaired again afterwards."""
    functions = [import_module(name)._Voxelization for name in repaired.MODULES]
    for function in functions:
        function.forward = staticmethod(getattr(function.forward, 'upstream', function.forward))
    yield functions
    repaired.apply_patch()


def layers():
    from mmcv.ops import Voxelization
    from mmdet3d.models.data_preprocessors.voxelize import VoxelizationByGridShape
    return [Voxelization(**SETTINGS), VoxelizationByGridShape(**SETTINGS)]


@pytest.fixture
def points():
    return torch.rand(2000, 4) * torch.tensor([80.0, 90.0, 5.0, 1.0]) - torch.tensor(
        [5.0, 45.0, 3.5, 0.0])


def test_both_layers_keep_their_voxels(upstream, points):
    before = [layer(points) for layer in layers()]
    repaired.apply_patch()
    for old, layer in zip(before, layers(), strict=True):
        for left, right in zip(old, layer(points), strict=True):
            assert left.dtype == right.dtype and torch.equal(left, right)


def test_upstream_cannot_do_without_determinism_and_the_repair_can(upstream, points):
    for layer in layers():
        layer.deterministic = False
        with pytest.raises(RuntimeError):
            layer(points)
    repaired.apply_patch()
    for layer in layers():
        layer.deterministic = False
        assert len(layer(points)[0]) > 0


def test_both_layers_use_the_sorting_operator(points, monkeypatch):
    repaired.apply_patch()
    calls = []
    monkeypatch.setattr(repaired, 'hard_voxelize',
                        lambda *arguments: calls.append(arguments) or (points, points, points))
    for layer in layers():
        layer(points)
    assert len(calls) == 2


def test_dynamic_voxelization_still_gives_coordinates(points):
    repaired.apply_patch()
    from mmcv.ops import Voxelization
    layer = Voxelization(**(SETTINGS | dict(max_num_points=-1, max_voxels=-1)))
    assert layer(points).shape == (len(points), 3)


def test_repairing_twice_is_repairing_once(upstream):
    repaired.apply_patch()
    first = [function.forward for function in upstream]
    repaired.apply_patch()
    assert first == [function.forward for function in upstream]
