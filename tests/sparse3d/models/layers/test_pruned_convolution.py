"""Pruned layers in encoders: same weights, same voxels where nothing is pruned, less work."""
from __future__ import annotations

import copy

import pytest
import torch
from mmdet3d.models.middle_encoders import SparseEncoder
from spconv.pytorch import SparseConv3d, SparseConvTensor, SparseInverseConv3d, SubMConv3d
from torch import Tensor, nn

from sparse3d.errors import ConfigError
from sparse3d.models.layers import pruned_convolution
from sparse3d.models.layers.pruned_convolution import (
    PrunedConvolution,
    PrunedDownsampling,
    PrunedSubmanifold,
    prune_convolutions,
)
from sparse3d.ops.pruning_options import PruningOptions

SHAPE = [21, 32, 40]
BLOCKS = dict(block_type='basicblock', encoder_channels=((16, 16, 32), (32, 32)),
              encoder_paddings=((1, 1, 1), (1, 1)))
PLAIN = dict(encoder_channels=((16,), (32, 32)), encoder_paddings=((1,), ((0, 1, 1), 1)))


def voxels_of(samples: int = 2, seed: int = 0) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    cells = (torch.rand(samples, *SHAPE, generator=random) < 0.03).nonzero().int()
    return torch.randn(len(cells), 4, generator=random), cells


def encoder_of(settings: dict, **pruning) -> SparseEncoder:
    torch.manual_seed(0)
    encoder = SparseEncoder(4, SHAPE, output_channels=16, **settings)
    if pruning:
        prune_convolutions(encoder, PruningOptions(**pruning))
    return encoder.eval()


@pytest.mark.parametrize('settings', [BLOCKS, PLAIN])
def test_nothing_pruned_is_the_plain_encoder_bit_for_bit(settings):
    plain = encoder_of(settings)
    pruned = encoder_of(settings, submanifold_keep_ratio=1.0, downsampling_keep_ratio=1.0,
                        importance='none')
    pruned.load_state_dict(plain.state_dict())
    assert torch.equal(plain(*voxels_of(), 2), pruned(*voxels_of(), 2))
    weighed = encoder_of(settings, submanifold_keep_ratio=1.0, downsampling_keep_ratio=1.0)
    assert not torch.allclose(plain(*voxels_of(), 2), weighed(*voxels_of(), 2))


@pytest.mark.parametrize('settings', [BLOCKS, PLAIN])
def test_names_and_shapes_of_weights_stay(settings):
    plain, pruned = encoder_of(settings), encoder_of(settings, submanifold_keep_ratio=0.5)
    assert {name: value.shape for name, value in plain.state_dict().items()} \
        == {name: value.shape for name, value in pruned.state_dict().items()}
    layers = [layer for layer in pruned.modules() if isinstance(layer, PrunedConvolution)]
    assert sum(isinstance(layer, PrunedDownsampling) for layer in layers) == 1
    assert sum(isinstance(layer, PrunedSubmanifold) for layer in layers) == (
        8 if settings is BLOCKS else 2)
    assert not isinstance(pruned.conv_input[0], PrunedConvolution)
    assert not isinstance(pruned.conv_out[0], PrunedConvolution)
    assert 'keep_ratio=0.5' in repr(layers[0])


def test_a_copy_computes_the_same():
    encoder = encoder_of(BLOCKS, submanifold_keep_ratio=0.5)
    assert torch.equal(copy.deepcopy(encoder)(*voxels_of(), 2), encoder(*voxels_of(), 2))


@pytest.mark.parametrize('keep', [0.3, 0.7])
def test_a_sample_alone_and_permuted_voxels(keep):
    encoder = encoder_of(PLAIN, submanifold_keep_ratio=keep, downsampling_keep_ratio=keep)
    features, cells = voxels_of()
    together = encoder(features, cells, 2)
    second = cells[:, 0] == 1
    alone = cells[second] - torch.tensor([1, 0, 0, 0], dtype=torch.int32)
    torch.testing.assert_close(encoder(features[second], alone, 1)[0], together[1])
    order = torch.randperm(len(cells), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(encoder(features[order], cells[order], 2), together)


def test_an_empty_sample_and_one_voxel():
    encoder = encoder_of(PLAIN, submanifold_keep_ratio=0.1, downsampling_keep_ratio=0.1)
    one = torch.tensor([[1, 3, 4, 5]], dtype=torch.int32)
    found = encoder(torch.rand(1, 4), one, 3)
    assert found.shape[0] == 3 and found.isfinite().all() and found[0].abs().sum() == 0
    assert encoder(torch.rand(0, 4), one[:0], 2).abs().sum() == 0


def test_less_is_kept_and_less_is_computed():
    voxels, counts = SparseConvTensor(*voxels_of(), SHAPE, 2), []
    for keep in (1.0, 0.5, 0.1):
        layer = PrunedPair(keep).eval()
        counts.append(len(layer.second(layer.first(voxels)).indices))
    assert counts[0] > counts[1] > counts[2]


class PrunedPair(nn.Module):
    """A dense convolution and a pruned down-sampling."""

    def __init__(self, keep: float, kind: type = SparseConv3d, **options) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = SubMConv3d(4, 8, 3)
        self.second = kind(8, 8, 3, **(dict(stride=2, padding=1) if kind is SparseConv3d else {}))
        prune_convolutions(self, PruningOptions(keep, keep, **options))


@pytest.mark.parametrize('kind', [SubMConv3d, SparseConv3d])
@pytest.mark.parametrize('keep', [0.0, 0.4])
def test_other_libraries_than_ours_give_the_same(monkeypatch, kind, keep):
    """Where our pair tables are not used the library convolves all, and the result is cut."""
    layers = PrunedPair(keep, kind)
    features, cells = voxels_of()
    results = []
    for ours in (True, False):
        monkeypatch.setattr(pruned_convolution, '_has_our_pairs', lambda _, ours=ours: ours)
        values = features.clone().requires_grad_()
        found = layers.second(layers.first(SparseConvTensor(values, cells, SHAPE, 2)))
        found.features.square().sum().backward()
        results.append((found.indices, found.features, values.grad, found.spatial_shape))
    assert torch.equal(results[0][0], results[1][0])
    torch.testing.assert_close(results[0][1:3], results[1][1:3])
    assert results[0][3] == results[1][3]


def test_as_published_and_clean_agree_away_from_the_edges():
    features, cells = voxels_of(seed=3)
    inner = ((cells[:, 1:] > 3) & (cells[:, 1:] < cells.new_tensor(SHAPE) - 3)).all(1)
    given = SparseConvTensor(features[inner], cells[inner], SHAPE, 2)
    found = []
    for quirks in (dict(), dict(skip_index_zero=True, center_on_even=True, colliding_keys=True)):
        layers = PrunedPair(0.4, **quirks)
        found.append(layers.second(layers.first(given)))
    assert torch.equal(found[0].indices, found[1].indices)
    torch.testing.assert_close(found[0].features, found[1].features)


def test_the_random_control_keeps_as_many_others():
    features, cells = voxels_of()
    given = SparseConvTensor(features, cells, SHAPE, 2)
    strong = {}
    for choice in ('magnitude', 'random'):
        layers = PrunedPair(0.5, choice=choice)
        strong[choice] = layers.second.strength_of(layers.first(given)).strong
        again = layers.second.strength_of(layers.first(given)).strong
        assert torch.equal(strong[choice], again)
    assert strong['random'].sum() == strong['magnitude'].sum()
    assert not torch.equal(strong['random'], strong['magnitude'])


def test_gradients_come_through_the_importance():
    layers = PrunedPair(0.0, SubMConv3d)  # nothing is convolved: y = x sigmoid(mean |x|)
    features, cells = voxels_of()
    values = layers.first(SparseConvTensor(features, cells, SHAPE, 2)).features.detach()
    values.requires_grad_()
    found = layers.second(SparseConvTensor(values, cells, SHAPE, 2)).features
    torch.testing.assert_close(found, values * values.abs().mean(1, keepdim=True).sigmoid())
    found.sum().backward()
    assert not torch.allclose(values.grad, values.abs().mean(1, keepdim=True).sigmoid())


class WithInverse(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = SubMConv3d(4, 4, 3)
        self.down = SparseConv3d(4, 8, 3, stride=2, padding=1, indice_key='down')
        self.up = SparseInverseConv3d(8, 4, 3, indice_key='down')
        self.aside = nn.Sequential(SubMConv3d(4, 4, 3))
        self.inside = SubMConv3d(4, 4, 3)

    not_pruned = ('aside', )


def test_what_is_undone_or_named_stays_and_ratios_may_differ():
    encoder = WithInverse()
    assert prune_convolutions(encoder, PruningOptions()) == ['inside']
    with pytest.raises(ConfigError, match='has 3 ratios and the encoder 2 such layers'):
        encoder_of(PLAIN, submanifold_keep_ratio=[0.5, 0.6, 0.7])
    layers = [layer.keep_ratio for layer in encoder_of(
        PLAIN, submanifold_keep_ratio=[0.5, 0.6]).modules() if isinstance(layer, PrunedSubmanifold)]
    assert layers == [0.5, 0.6]


def test_an_encoder_without_sparse_convolutions_is_refused():
    with pytest.raises(ConfigError, match='Identity has no sparse convolution'):
        prune_convolutions(nn.Identity(), PruningOptions())
