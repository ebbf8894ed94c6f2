"""The focal layer against plain Python, its gradients, and its edge cases."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from spconv.pytorch import SparseConvTensor
from torch import Tensor

from focalsconv import FocalOptions, FocalSparseConvolution, Importance
from sparse3d.errors import ConfigError

NORM = dict(type='VoxelBN1d', eps=1e-3, momentum=0.01)
SHAPE = [7, 12, 11]


def layer(channels: int = 4, kernel_size: int = 3, enlarge_channels: int = 0,
          **options) -> FocalSparseConvolution:
    made = FocalSparseConvolution(channels, kernel_size, enlarge_channels, FocalOptions(**options),
                                  NORM, 'subm', 'focal')
    with torch.no_grad():
        # Far from the decisions' thresholds, so that rounding decides nothing.
        made.predictor.importance.weight.mul_(6)
    return made.eval()


def voxels(count: int = 60, batch_size: int = 3, channels: int = 4, seed: int = 0,
           shape=tuple(SHAPE)) -> SparseConvTensor:
    """Random voxels in random row order, spread unevenly over the samples."""
    generator = np.random.default_rng(seed)
    cells = int(np.prod(shape))
    chosen = generator.choice(cells * batch_size, size=count, replace=False)
    chosen = np.concatenate([chosen[chosen % 3 > 0], chosen[chosen % 3 == 0]])
    coordinates = np.stack(np.unravel_index(chosen, (batch_size, *shape)), 1)
    features = torch.from_numpy(generator.standard_normal((count, channels))).float()
    return SparseConvTensor(features, torch.from_numpy(coordinates).int(), list(shape), batch_size)


def as_dict(coordinates: Tensor, values: Tensor) -> dict[tuple, list[float]]:
    rows = {tuple(c): v for c, v in zip(coordinates.tolist(), values.tolist(), strict=True)}
    assert len(rows) == len(coordinates), 'a voxel occurs twice'
    return rows


def assert_same_voxels(ours: dict, expected: dict, tolerance: float = 1e-5) -> None:
    assert set(ours) == set(expected)
    for voxel, values in expected.items():
        assert ours[voxel] == pytest.approx(values, abs=tolerance), voxel


def test_two_voxels_by_hand():
    # The first voxel is foreground and asks, with importance 0.75, for its x + 1 neighbor only:
    # an empty cell. The second, at the same place of another sample, stays background.
    cells = torch.tensor([[0, 1, 1, 1], [1, 1, 1, 1]]).int()
    x = SparseConvTensor(torch.tensor([[2.], [4.]]), cells, [3, 3, 3], 2)
    logits = torch.full((2, 27), -3.0)
    logits[0, -1], logits[0, 13] = 3.0, np.log(3)
    made = layer(channels=1, top_k=False)
    coordinates, features, _ = made.dilate(x, Importance(logits, x.indices, 2))
    assert coordinates.tolist() == [[0, 1, 1, 1], [0, 1, 1, 2], [1, 1, 1, 1]]
    assert features.tolist() == [[2.0], [0.0], [4.0]]


def test_weight_of_a_voxel_two_others_point_at():
    # Three foreground voxels in a row; both ends point at the middle with 0.75: (1 + 1.5) / 3.
    x = SparseConvTensor(torch.ones(3, 1), torch.tensor([[0, 1, 1, x] for x in range(3)]).int(),
                         [3, 3, 3], 1)
    logits = torch.full((3, 27), -3.0)
    logits[:, -1] = 3.0
    logits[0, 13] = logits[2, 12] = np.log(3)
    importance = Importance(logits, x.indices, 1)
    coordinates, features, _ = layer(channels=1, top_k=False).dilate(x, importance)
    assert coordinates[:, 3].tolist() == [0, 1, 2]
    assert features.flatten().tolist() == pytest.approx([1, 2.5 / 3, 1])


OPTIONS = [
    dict(),
    dict(top_k=False),
    dict(mask_multi=True),
    dict(mask_multi=True, skip_mask_kernel=True),
    dict(threshold=0.3),
    dict(published=dict(skip_index_zero=True)),
    dict(kernel_size=5, top_k=False),
]


@pytest.mark.parametrize('options', OPTIONS)
@pytest.mark.parametrize('seed', range(3))
def test_agrees_with_plain_python(oracle, options, seed):
    made, x = layer(**options), voxels(seed=seed)
    with torch.no_grad():
        output, importance = made(x)
    features = as_dict(x.indices, x.features)
    logits = oracle.submanifold(features, made.predictor.importance.weight.tolist())
    assert_same_voxels(as_dict(x.indices, importance.logits), logits, 1e-4)
    settings = dict(options)
    lowest = int('published' in settings and settings.pop('published')['skip_index_zero'])
    dilated = oracle.dilate(features, logits, SHAPE, lowest_index=lowest, **settings)
    convolved = oracle.submanifold(dilated, made.convolution.weight.tolist())
    # Batch normalization as it starts: mean 0, variance 1.
    expected = {voxel: [max(value / np.sqrt(1 + 1e-3), 0) for value in values]
                for voxel, values in convolved.items()}
    assert_same_voxels(as_dict(output.indices, output.features), expected, 1e-4)


def test_rows_come_sorted():
    with torch.no_grad():
        output, _ = layer()(voxels())
    rows = output.indices.tolist()
    assert rows == sorted(rows)


def test_batch_equals_single_samples():
    made, x = layer(mask_multi=True, enlarge_channels=8), voxels()
    with torch.no_grad():
        together, _ = made(x)
        for sample in range(x.batch_size):
            mine = x.indices[:, 0] == sample
            coordinates = x.indices[mine].clone()
            coordinates[:, 0] = 0
            alone, _ = made(SparseConvTensor(x.features[mine], coordinates, SHAPE, 1))
            of_sample = together.indices[:, 0] == sample
            assert torch.equal(together.indices[of_sample, 1:], alone.indices[:, 1:])
            torch.testing.assert_close(together.features[of_sample], alone.features)


@pytest.mark.parametrize('options', [dict(), dict(top_k=False), dict(max_dilation=0.3)])
def test_order_of_rows_does_not_matter(options):
    made, x = layer(**options), voxels()
    shuffled = torch.randperm(len(x.features))
    with torch.no_grad():
        one, _ = made(x)
        other, _ = made(SparseConvTensor(x.features[shuffled], x.indices[shuffled], SHAPE, 3))
    assert torch.equal(one.indices, other.indices)
    torch.testing.assert_close(one.features, other.features, rtol=0, atol=1e-6)


def test_equal_importance_is_no_matter_of_row_order():
    x = voxels()
    logits = torch.zeros(len(x.features), 27)
    shuffled = torch.randperm(len(x.features))
    made = layer()
    one = made.dilate(x, Importance(logits, x.indices, 3))
    y = SparseConvTensor(x.features[shuffled], x.indices[shuffled], SHAPE, 3)
    other = made.dilate(y, Importance(logits, y.indices, 3))
    assert torch.equal(one[0], other[0])
    torch.testing.assert_close(one[1], other[1])


def test_repeats_exactly():
    made, x = layer(mask_multi=True), voxels(count=400)
    with torch.no_grad():
        first, second = made(x)[0], made(x)[0]
    assert torch.equal(first.indices, second.indices)
    assert torch.equal(first.features, second.features)


def test_input_tensor_stays_as_it_was():
    made, x = layer(mask_multi=True), voxels()
    features, coordinates = x.features.clone(), x.indices.clone()
    with torch.no_grad():
        made(x)
    assert torch.equal(x.features, features) and torch.equal(x.indices, coordinates)


def test_keys_stay_exact_beyond_32_bits(oracle):
    # 4.6e11 cells: float32 and int32 keys would both collide.
    shape = [400, 30000, 38000]
    made, x = layer(), voxels(count=80, batch_size=2, shape=shape)
    x.indices[1] = x.indices[0] + torch.tensor([0, 0, 0, 1 if x.indices[0, 3] == 0 else -1])
    logits = torch.from_numpy(np.random.default_rng(0).normal(size=(80, 27)) * 3).float()
    coordinates, features, _ = made.dilate(x, Importance(logits, x.indices, 2))
    expected = oracle.dilate(as_dict(x.indices, x.features), as_dict(x.indices, logits), shape)
    assert_same_voxels(as_dict(coordinates, features), expected)


@pytest.mark.parametrize('top_k', [True, False])
@pytest.mark.parametrize('training', [True, False])
def test_no_voxel_at_all(top_k, training):
    made = layer(top_k=top_k, mask_multi=True, enlarge_channels=8).train(training)
    nothing = SparseConvTensor(torch.zeros(0, 4), torch.zeros(0, 4).int(), SHAPE, 2)
    output, importance = made(nothing)
    assert output.features.shape == (0, 4) and importance.logits.shape == (0, 27)


@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize('top_k', [True, False])
def test_one_voxel(top_k, training):
    made = layer(top_k=top_k).train(training)
    output, _ = made(voxels(count=1, batch_size=1))
    assert torch.isfinite(output.features).all()
    if top_k:
        assert len(output.features) == 1  # floor(1 * 0.5) voxels are foreground


def test_no_foreground_and_nothing_to_merge():
    x = voxels()
    logits = torch.full((len(x.features), 27), -5.0)
    coordinates, features, _ = layer(top_k=False).dilate(x, Importance(logits, x.indices, 3))
    assert_same_voxels(as_dict(coordinates, features), as_dict(x.indices, x.features))


def test_an_empty_sample_between_others():
    x = voxels()
    keep = x.indices[:, 0] != 1
    x = SparseConvTensor(x.features[keep], x.indices[keep], SHAPE, 3)
    with torch.no_grad():
        output, _ = layer()(x)
    assert set(output.indices[:, 0].tolist()) == {0, 2}


def test_growth_is_capped_by_the_strongest():
    made, x = layer(max_dilation=0.5), voxels()
    logits = torch.from_numpy(np.random.default_rng(1).normal(size=(len(x.features), 27))).float()
    importance = Importance(logits, x.indices, 3)
    capped = as_dict(*made.dilate(x, importance)[:2])
    free = as_dict(*layer().dilate(x, importance)[:2])
    old = as_dict(x.indices, x.features)
    assert set(old) <= set(capped) <= set(free)
    for sample in range(3):
        before = sum(voxel[0] == sample for voxel in old)
        after = sum(voxel[0] == sample for voxel in capped)
        assert after - before == before // 2
    for voxel in old:
        assert capped[voxel] == pytest.approx(free[voxel])


def test_importance_gets_gradient_through_mask_multi():
    made, x = layer(mask_multi=True, skip_mask_kernel=True).train(), voxels()
    made(x)[0].features.square().sum().backward()
    gradient = made.predictor.importance.weight.grad
    assert gradient[-1].abs().sum() > 0
    assert gradient[:-1].abs().sum() == 0


def test_neighbors_get_gradient_through_the_weights_of_foreground():
    made, x = layer().train(), voxels(count=250)
    made(x)[0].features.square().sum().backward()
    gradient = made.predictor.importance.weight.grad
    assert gradient[:-1].abs().sum() > 0
    assert gradient[-1].abs().sum() == 0


@pytest.mark.parametrize('options', [
    dict(mask_multi=True), dict(top_k=False), dict(max_dilation=0.5)])
def test_gradients_of_growing(options):
    x = voxels(count=40, batch_size=2)
    made = layer(**options)
    logits = torch.from_numpy(np.random.default_rng(2).normal(size=(40, 27)) * 2)

    def dilated(features: Tensor, logits: Tensor) -> Tensor:
        doubled = SparseConvTensor(features, x.indices, SHAPE, 2)
        return made.dilate(doubled, Importance(logits, x.indices, 2))[1]

    assert torch.autograd.gradcheck(
        dilated, (x.features.double().requires_grad_(), logits.requires_grad_()), eps=1e-6)


def test_copies_of_the_nuscenes_release(oracle):
    """Rows kept apart: both see the real voxels around, the copy a zero at its own center."""
    x = voxels(count=200, batch_size=2)
    made = layer(skip_mask_kernel=True, published=dict(background_copies=True))
    merged = layer(skip_mask_kernel=True)
    merged.load_state_dict(made.state_dict())
    with torch.no_grad():
        both, importance = made(x)
        one, _ = merged(x)
        copied = made.dilate(x, importance)[2]
    assert torch.equal(both.indices, one.indices) and len(copied) > 10
    features = as_dict(x.indices, x.features)
    logits = as_dict(x.indices, importance.logits)
    dilated = oracle.dilate(features, logits, SHAPE, skip_mask_kernel=True)
    weight = made.convolution.weight.tolist()
    real = oracle.submanifold(dilated, weight)
    ours = as_dict(both.indices, both.features)
    for row in copied.tolist():
        voxel = tuple(both.indices[row].tolist())
        alone = oracle.submanifold({**dilated, voxel: [0.0] * 4}, weight)[voxel]
        expected = [max(a, 0) + max(b, 0) for a, b in zip(real[voxel], alone, strict=True)]
        assert ours[voxel] == pytest.approx(np.array(expected) / np.sqrt(1.001), abs=1e-4)
    rest = torch.ones(len(one.features), dtype=torch.bool)
    rest[copied] = False
    torch.testing.assert_close(both.features[rest], one.features[rest])


def test_wrong_settings_say_so():
    with pytest.raises(ConfigError, match='kernel_size'):
        layer(kernel_size=4)
    with pytest.raises(ConfigError, match='threshold'):
        layer(threshold=1.5)
    with pytest.raises(ConfigError, match='max_dilation'):
        layer(max_dilation=0.5, published=dict(key_sizes=True))
    with pytest.raises(ConfigError, match='background_copies'):
        layer(published=dict(background_copies=True, float32_keys=True))
    with pytest.raises(ConfigError, match='too many'):
        layer().dilate(SparseConvTensor(torch.zeros(0, 4), torch.zeros(0, 4).int(),
                                        [2 ** 21, 2 ** 21, 2 ** 21], 2),
                       Importance(torch.zeros(0, 27), torch.zeros(0, 4).int(), 2))
