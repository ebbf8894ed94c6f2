"""The released way of merging, accident by accident, on cells chosen by hand."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from spconv.pytorch import SparseConvTensor
from torch import Tensor

from focalsconv import FocalOptions, FocalSparseConvolution, Importance

KITTI = [41, 1600, 1408]
FORWARD, BACKWARD = 13, 12  # channels of the neighbors at x + 1 and x - 1
NEIGHBOR = 0.75             # importance of the neighbors that are asked for


def dilate(cells: list[tuple], candidate_importance: dict[int, int], shape: list[int],
           **options) -> dict[tuple, float]:
    """Grow voxels that are all foreground; voxel i has feature i + 1.

    Args:
        candidate_importance: voxel -> channel of the neighbor that it asks for.
    """
    coordinates = torch.tensor(cells).int()
    logits = torch.full((len(cells), 27), -5.0)
    logits[:, -1] = 5.0
    for voxel, channel in candidate_importance.items():
        logits[voxel, channel] = np.log(NEIGHBOR / (1 - NEIGHBOR))
    layer = FocalSparseConvolution(1, 3, 0, FocalOptions(top_k=False, **options),
                                   dict(type='BN1d'), '', '')
    features = torch.arange(1.0, len(cells) + 1).unsqueeze(1)
    samples = int(coordinates[:, 0].max()) + 1
    dilated, values, _ = layer.dilate(SparseConvTensor(features, coordinates, shape, samples),
                                      Importance(logits, coordinates, samples))
    assert len({tuple(cell) for cell in dilated.tolist()}) == len(dilated)
    return {tuple(c): v for c, (v,) in zip(dilated.tolist(), values.tolist(), strict=True)}


def key(cell: tuple, last: tuple[int, int]) -> int:
    _, z, y, x = cell
    return z * last[0] * last[1] + y * last[1] + x


def test_rounded_keys_keep_copies_apart():
    # Two neighbors that point at each other, and a far voxel that sets the largest indices.
    one, other, far = (0, 30, 1000, 1000), (0, 30, 1000, 1001), (0, 30, 1599, 1407)
    keys = [key(cell, (1599, 1407)) for cell in (one, other)]
    assert keys[0] != keys[1] and np.float32(keys[0]) == np.float32(keys[1])
    cells, candidate_importance = [one, other, far], {0: FORWARD, 1: BACKWARD}
    mean = (1 + NEIGHBOR) / 2
    exact = dilate(cells, candidate_importance, KITTI)
    assert exact == pytest.approx({one: mean, other: 2 * mean, far: 3})
    # In the order of a tie: one, other, other again, one again. Only the middle two meet.
    published = dilate(
        cells, candidate_importance, KITTI, published=dict(float32_keys=True, key_sizes=True)
    )
    assert published == pytest.approx({one: 1, other: 2 * mean, far: 3})


def test_largest_index_for_size_joins_the_ends_of_two_rows():
    last, first, top = (0, 1, 2, 9), (0, 1, 3, 0), (0, 2, 5, 4)
    assert key(last, (5, 9)) == key(first, (5, 9))
    cells = [last, first, top]
    assert dilate(cells, {}, [4, 8, 10]) == {last: 1, first: 2, top: 3}
    published = dilate(cells, {}, [4, 8, 10], published=dict(key_sizes=True))
    assert published == {last: 3, top: 3}


def test_samples_never_mix():
    cells = [(0, 1, 2, 3), (1, 1, 2, 3), (2, 1, 2, 3)]
    for options in (dict(published=dict(key_sizes=True)), dict(published=dict(float32_keys=True))):
        assert dilate(cells, {}, [4, 8, 10], **options) == {
            cell: value for value, cell in enumerate(cells, start=1)}


@pytest.mark.parametrize('options', [
    dict(published=dict(key_sizes=True)),
    dict(published=dict(float32_keys=True)),
    dict(published=dict(float32_keys=True, key_sizes=True), mask_multi=True),
    dict(published=dict(float32_keys=True), top_k=False, skip_mask_kernel=True),
])
def test_small_grids_away_from_index_zero_merge_exactly(options):
    cells = torch.randperm(2 * 9 * 19 * 19)[:400]
    coordinates = torch.stack([cells // (9 * 19 * 19), cells // (19 * 19) % 9 + 1,
                               cells // 19 % 19 + 1, cells % 19 + 1], 1).int()
    features, logits = torch.randn(400, 4), torch.randn(400, 27)
    same = dict(skip_index_zero=True)
    published = {**options, 'published': {**same, **options['published']}}
    exact = {**options, 'published': same}
    for ours, theirs in zip(dilated(features, coordinates, logits, **published),
                            dilated(features, coordinates, logits, **exact), strict=True):
        torch.testing.assert_close(ours, theirs)


def dilated(features: Tensor, coordinates: Tensor, logits: Tensor,
            **options) -> tuple[Tensor, Tensor]:
    layer = FocalSparseConvolution(4, 3, 0, FocalOptions(**options), dict(type='BN1d'), '', '')
    return layer.dilate(SparseConvTensor(features, coordinates, [10, 20, 20], 2),
                        Importance(logits, coordinates, 2))[:2]


def test_no_voxel_no_foreground():
    nothing = torch.zeros(0, 4)
    cells, values = dilated(nothing, nothing.int(), torch.zeros(0, 27),
                            published=dict(key_sizes=True))
    assert cells.shape == (0, 4) and values.shape == (0, 4)
    one = torch.tensor([[1, 2, 3, 4]]).int()
    cells, values = dilated(torch.ones(1, 4), one, torch.ones(1, 27),
                            published=dict(float32_keys=True))
    assert torch.equal(cells, one) and torch.equal(values, torch.ones(1, 4))
