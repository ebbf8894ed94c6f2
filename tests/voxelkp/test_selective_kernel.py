"""Selective kernels and residual blocks: gates by hand, frames apart, one frame, no voxel."""
from __future__ import annotations

import pytest
import torch
from spconv.pytorch import SparseConvTensor

from voxelkp.point_branch import PointBranch
from voxelkp.selective_kernel import SelectiveKernelBlock, SparseSelectiveKernel, frame_means
from voxelkp.sparse_keypoint_encoder import NORM

SHAPE = [8, 20, 20]


def voxels(counts: list[int], channels: int = 16, seed: int = 0) -> SparseConvTensor:
    """Random voxels, this many in each frame."""
    random = torch.Generator().manual_seed(seed)
    rows = []
    for frame, count in enumerate(counts):
        cells = torch.randperm(8 * 20 * 20, generator=random)[:count]
        rows.append(torch.stack([torch.full_like(cells, frame), cells // 400, cells // 20 % 20,
                                 cells % 20], 1))
    coordinates = torch.cat(rows).int()
    features = torch.randn(len(coordinates), channels, generator=random)
    return SparseConvTensor(features, coordinates, SHAPE, len(counts))


def test_means_of_frames():
    mean, valid = frame_means(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0, 0, 2]), 4)
    assert mean.flatten().tolist() == [2, 0, 5, 0]
    assert valid.tolist() == [True, False, True, False]


def test_gates_by_hand():
    kernel = SparseSelectiveKernel(8, NORM, 'test').eval()
    with torch.no_grad():
        kernel.squeeze.weight.fill_(1.0)
        kernel.excitations[0].weight.fill_(1.0)
        kernel.excitations[1].weight.fill_(0.0)
    features = torch.zeros(3, 8)
    features[0, 0], features[1, 0] = 2.0, 4.0        # means of frame 0: 3, of frame 1: 0
    gates = kernel.gates(features, torch.tensor([0, 0, 1]), 2)
    assert gates.shape == (2, 2, 8)
    hidden = 3 / (1 + 1e-5) ** 0.5
    expected = torch.sigmoid(torch.tensor(hidden)).item()
    assert gates[0, :, 0].tolist() == pytest.approx([expected, 1 - expected])
    assert gates[1, :, 0].tolist() == pytest.approx([0.5, 0.5])


def test_a_frame_does_not_see_the_others():
    block = SelectiveKernelBlock(16, NORM, 'test').eval()
    both = voxels([60, 40])
    with torch.no_grad():
        together = block(both)
        own = both.indices[:, 0] == 1
        alone = block(SparseConvTensor(both.features[own], both.indices[own] * torch.tensor(
            [0, 1, 1, 1]).int(), SHAPE, 1))
    torch.testing.assert_close(together.features[own], alone.features)


@pytest.mark.parametrize('counts', [[30], [30, 0], [0, 1], [1], [0, 0]])
def test_training_on_few_frames_and_voxels(counts):
    block = SelectiveKernelBlock(16, NORM, 'test').train()
    given = voxels(counts)
    given.features.requires_grad_()
    result = block(given)
    assert result.features.shape == given.features.shape
    assert result.features.isfinite().all()
    result.features.square().sum().backward()
    assert given.features.grad.isfinite().all()


def test_empty_frames_do_not_enter_the_statistics():
    with_empty, without = (SparseSelectiveKernel(16, NORM, 'test').train() for _ in range(2))
    with_empty.load_state_dict(without.state_dict())
    given = voxels([20, 30, 0])
    with_empty(given)
    without(SparseConvTensor(given.features, given.indices, SHAPE, 2))
    torch.testing.assert_close(with_empty.squeeze_norm.running_mean,
                               without.squeeze_norm.running_mean)
    assert without.squeeze_norm.running_mean.abs().sum() > 0


def test_point_branch_works_on_each_voxel_alone():
    branch = PointBranch(16).eval()
    given = voxels([12])
    expected = torch.cat([branch.layers(row[None]) for row in given.features])
    torch.testing.assert_close(branch(given).features, expected)
    assert PointBranch(16).train()(voxels([1])).features.isfinite().all()
