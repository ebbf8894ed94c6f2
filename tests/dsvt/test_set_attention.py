"""Set attention against torch's own attention module, slot by slot."""
from __future__ import annotations

import torch
import torch.nn.functional as F

from dsvt.dsvt_block import DSVTBlock
from dsvt.rotated_sets import rotated_sets
from dsvt.set_attention import SetAttention
from dsvt.window_partition import Window

WINDOW = Window((4, 4, 1), (0, 0, 0), (8, 8, 1))


def voxels(count: int = 40):
    cells = torch.randperm(2 * 64)[:count]
    return torch.stack([cells // 64, torch.zeros_like(cells), cells // 8 % 8, cells % 8], 1)


def slot_by_slot(attention: SetAttention, features, position, sets, order: int):
    """The layer as it is usually written: project every slot, attend, scatter back."""
    rows, repeated = sets.voxels[order], sets.repeated[order]
    slots, positions = features[rows], position[rows]
    mixed = attention.self_attn(slots + positions, slots + positions, slots,
                                key_padding_mask=repeated, need_weights=False)[0]
    scattered = torch.zeros_like(features)
    for own_rows, own, own_repeated in zip(rows, mixed, repeated, strict=True):
        scattered[own_rows[~own_repeated]] = own[~own_repeated]
    hidden = attention.norm1(features + scattered)
    network = attention.linear2(F.gelu(attention.linear1(hidden)))
    return attention.norm2(hidden + network)


def test_agrees_with_attention_on_every_slot():
    coordinates = voxels()
    sets = rotated_sets(coordinates, WINDOW, 6)
    assert sets.repeated.any()
    attention = SetAttention(16, 4, 32).eval()
    features, position = torch.randn(2, len(coordinates), 16)
    for order in (0, 1):
        found = attention(features, position, sets.voxels[order], ~sets.repeated[order],
                          sets.slot_of_voxel[order])
        expected = slot_by_slot(attention, features, position, sets, order)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_gradients():
    sets = rotated_sets(voxels(7), WINDOW, 3)
    attention = SetAttention(4, 2, 6).double()
    inputs = [torch.randn(7, 4, dtype=torch.double, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(
        lambda features, position: attention(features, position, sets.voxels[0],
                                             ~sets.repeated[0], sets.slot_of_voxel[0]), inputs)


def test_a_block_mixes_within_windows_alone():
    coordinates = voxels()
    sets = rotated_sets(coordinates, WINDOW, 6)
    block = DSVTBlock(16, 4, 32)
    features, position = torch.randn(2, len(coordinates), 16)
    before = block(features, (position, position), sets)
    changed = features.clone()
    changed[0] += 1
    moved = (block(changed, (position, position), sets) - before).abs().amax(1) > 0
    same_window = ((coordinates // torch.tensor([1, 1, 4, 4])) ==
                   (coordinates[0] // torch.tensor([1, 1, 4, 4]))).all(1)
    assert moved[0]
    assert not moved[~same_window].any()
    assert moved.sum() > 1
