"""Fusion on the ground: places by hand, published places and weights, heights, no voxel."""
from __future__ import annotations

import pytest
import torch
from spconv.pytorch import SparseConvTensor

from sparse3d.errors import ConfigError
from voxelkp.bev_fusion import SparseBEVFusion


def flat(cells: list[list[int]], values: list[float], shape: list[int],
         batch_size: int = 1) -> SparseConvTensor:
    coordinates = torch.tensor(cells).reshape(-1, 3).int()
    return SparseConvTensor(torch.tensor(values)[:, None], coordinates, shape, batch_size)


def levels() -> list[SparseConvTensor]:
    return [flat([[0, 0, 5], [0, 4, 4]], [1.0, 2.0], [9, 8]),
            flat([[0, 2, 2], [0, 4, 0]], [10.0, 20.0], [5, 4]),
            flat([[0, 1, 1]], [100.0], [3, 2])]


def as_dict(fused: SparseConvTensor) -> dict:
    return {tuple(cell): value for cell, value in
            zip(fused.indices.tolist(), fused.features[:, 0].tolist(), strict=True)}


def test_levels_meet_at_the_centers_of_what_they_saw():
    fused = SparseBEVFusion([4, 4, 4], [1, 1, 1], 8).fuse(levels())
    assert as_dict(fused) == {(0, 0, 5): 1, (0, 4, 4): 112, (0, 8, 0): 20}
    assert fused.indices.tolist() == sorted(fused.indices.tolist())


def test_published_places_and_weights():
    fusion = SparseBEVFusion([4, 4, 4], [1, 1, 1], 8,
                             published=dict(cell_offsets=True, level_weights=True))
    # 2i + 1 and 4i + 2; row 9 of a grid of 9 does not exist, the last one takes it.
    assert as_dict(fusion.fuse(levels())) == {
        (0, 0, 5): 1, (0, 4, 4): 2, (0, 5, 5): 20, (0, 8, 1): 40, (0, 6, 6): 300}


def volume(cells: list[list[int]], shape: list[int], batch_size: int = 2) -> SparseConvTensor:
    coordinates = torch.tensor(cells).reshape(-1, 4).int()
    features = torch.ones(len(coordinates), 4)
    return SparseConvTensor(features, coordinates, shape, batch_size)


@pytest.mark.parametrize('height_aware', [True, False])
def test_only_the_height_aware_collapse_tells_heights_apart(height_aware):
    torch.manual_seed(0)
    fusion = SparseBEVFusion([4], [3], 8, height_aware=height_aware).eval()
    low, high = (fusion.collapses[0](volume([[0, z, 1, 1]], [3, 4, 4])) for z in (0, 2))
    assert low.indices.tolist() == high.indices.tolist() == [[0, 1, 1]]
    assert torch.equal(low.features, high.features) != height_aware


@pytest.mark.parametrize('height_aware', [True, False])
def test_rows_grow_and_empty_frames_stay_empty(height_aware):
    fusion = SparseBEVFusion([4, 4], [2, 1], 8, height_aware=height_aware).eval()
    fine, coarse = [[1, 0, 3, 3]], [[1, 0, 1, 1]]
    fused = fusion([volume(fine, [2, 8, 8]), volume(coarse, [1, 4, 4])])
    assert fused.batch_size == 2 and fused.spatial_shape == [8, 8]
    assert len(fused.indices) == 14  # 3 x 3 around (3, 3) and around (2, 2)
    assert set(fused.indices[:, 0].tolist()) == {1}
    nothing = fusion([volume([], [2, 8, 8]), volume([], [1, 4, 4])])
    assert nothing.features.shape == (0, 8)


def test_wrong_settings():
    with pytest.raises(ConfigError, match='depths'):
        SparseBEVFusion([4, 4], [2], 8)
    with pytest.raises(ConfigError, match='cells high'):
        SparseBEVFusion([4], [3], 8)([volume([[0, 0, 1, 1]], [2, 4, 4])])
