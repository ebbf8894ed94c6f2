"""Attention in windows: by hand, against a loop, gradients, edge cases."""
from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sparse3d.errors import BackendUnavailable
from voxelkp.window_attention import padded_windows, window_attention
from voxelkp.windows import window_indices, window_numbers


def given(counts: list[int], heads: int = 2, width: int = 3,
          dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Random query, key and value; windows of these sizes, their rows mixed."""
    windows = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    windows = windows[torch.randperm(len(windows))]
    return (*torch.randn(3, len(windows), heads, width, dtype=dtype).unbind(0), windows)


def test_two_voxels_by_hand():
    query = torch.tensor([[[2.0]], [[0.0]]])
    key = torch.tensor([[[0.0]], [[1.0]]])
    value = torch.tensor([[[10.0]], [[20.0]]])
    result = window_attention(query, key, value, torch.tensor([0, 0]))
    share = torch.tensor(2.0).exp() / (1 + torch.tensor(2.0).exp())
    assert result.flatten().tolist() == pytest.approx([10 + 10 * share.item(), 15.0])
    apart = window_attention(query, key, value, torch.tensor([0, 1]))
    assert apart.flatten().tolist() == [10.0, 20.0]


@pytest.mark.parametrize('counts', [[1], [8], [9], [1, 40, 3, 16, 17, 0, 200]])
def test_agrees_with_the_loop(counts):
    parts = given(counts)
    torch.testing.assert_close(window_attention(*parts),
                               window_attention(*parts, backend='reference'))


def test_gradients():
    *parts, windows = given([1, 9, 4], heads=2, width=2)
    parts = [part.requires_grad_() for part in parts]
    for backend in ('fast', 'reference'):
        assert torch.autograd.gradcheck(
            lambda *qkv, backend=backend: window_attention(*qkv, windows, backend), parts)


def test_padding_is_bounded():
    _, _, _, windows = given([1, 2, 9, 15, 16, 17, 33])
    groups = list(padded_windows(windows))
    assert [len(rows[0]) for rows, _ in groups] == [8, 16, 32, 64]
    assert sum(int(filled.sum()) for _, filled in groups) == len(windows)
    assert sorted(torch.cat([rows[filled] for rows, filled in groups]).tolist()) == \
        list(range(len(windows)))


def test_nobody():
    nothing = torch.zeros(0, 2, 3)
    assert window_attention(nothing, nothing, nothing, torch.zeros(0).long()).shape == (0, 2, 3)


def test_wrong_input():
    query, key, value, windows = given([3])
    with pytest.raises(ValueError, match='belong together'):
        window_attention(query, key[:2], value, windows)
    with pytest.raises(BackendUnavailable, match='no backend'):
        window_attention(query, key, value, windows, backend='cuda')


def test_windows_begin_at_the_lowest_voxel_of_each_frame():
    coordinates = torch.tensor([[0, 5, 10, 10], [0, 5, 16, 10], [1, 0, 0, 0], [1, 0, 5, 5],
                                [1, 0, 6, 5]]).int()
    assert window_indices(coordinates, (6, 6, 6), 2).tolist() == [
        [0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert window_indices(coordinates, (6, 6, 6), 2, published_batch_anchor=True).tolist() == [
        [0, 1, 1], [0, 2, 1], [0, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert window_numbers(coordinates, (6, 6, 6), 2).tolist() == [0, 1, 2, 2, 3]
    assert window_numbers(coordinates[:0], (6, 6, 6), 2).tolist() == []


def test_windows_do_not_depend_on_other_frames():
    random = torch.Generator().manual_seed(1)
    cells = torch.randint(0, 30, (200, 3), generator=random)
    frame = torch.randint(0, 3, (200, 1), generator=random)
    coordinates = torch.cat([frame, cells], 1).int()
    together = window_indices(coordinates, (6, 4, 3), 4)  # the last frame is empty
    for number in range(3):
        own = coordinates[:, 0] == number
        alone = coordinates[own] * torch.tensor([0, 1, 1, 1]).int()
        assert torch.equal(together[own], window_indices(alone, (6, 4, 3), 1))
