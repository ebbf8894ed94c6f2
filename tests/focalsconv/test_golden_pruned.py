"""Outputs, choices and gradients of the released SPS-Conv: operators and whole encoders."""
from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from spconv.pytorch import SparseConv3d, SparseConvTensor, SubMConv3d
from torch import Tensor, nn

from focalsconv.pruned_checkpoints import QUIRKS, dense_names
from focalsconv.published_checkpoint import convert_published
from sparse3d.models.layers.pruned_convolution import PrunedSubmanifold, prune_convolutions
from sparse3d.models.middle_encoders import PrunedSparseEncoder
from sparse3d.ops.pruned_edges import dilated_voxels
from sparse3d.ops.pruning_options import PruningOptions

SHAPE = [41, 56, 72]
NORM = dict(type='BN1d', eps=1e-3, momentum=0.01)
RESIDUAL = dict(block_type='basicblock',
                encoder_channels=((16, 16, 32), (32, 32, 64), (64, 64, 128), (128, 128)),
                encoder_paddings=((1, 1, 1), (1, 1, 1), (1, 1, (0, 1, 1)), (1, 1)))
SPSS = [(cloud, ratio) for cloud in ('inner', 'edge')
        for ratio in ('topk0.0', 'topk0.3', 'topk0.5', 'thre0.6')]
SPRS = [('topk0.0', (1, 1, 1)), ('topk0.5', (1, 1, 1)), ('topk1.0', (1, 1, 1)),
        ('topk0.5', (0, 1, 1))]
ENCODERS = ('inner_res_0.5_0.5', 'inner_res_0.3_0.5', 'edge_res_0.5_0.5', 'inner_plain_0.5_0.5')


class Golden:
    """The stored arrays of the released code and the weights they belong to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / 'spsconv'
        self.inputs, self.outputs = (np.load(self.folder / f'{name}.npz')
                                     for name in ('inputs', 'outputs'))
        self.norms = json.loads((self.folder / 'grad_norms.json').read_text())
        spec = importlib.util.spec_from_file_location('golden_weights', folder / 'weights.py')
        self.weights = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.weights)

    def state(self, kind: str) -> dict[str, Tensor]:
        return self.weights.state_dict(self.folder / f'state_{kind}.json')

    def voxels(self, cloud: str, features: str) -> tuple[Tensor, SparseConvTensor]:
        values = torch.from_numpy(self.inputs[f'{cloud}_{features}']).clone().requires_grad_()
        cells = torch.from_numpy(self.inputs[f'{cloud}_coords'].astype(np.int32))
        return values, SparseConvTensor(values, cells, SHAPE, 2)


@pytest.fixture(scope='module')
def golden(golden_dir) -> Golden:
    return Golden(golden_dir)


class AfterAnother(nn.Module):
    """A convolution that is not the first of its encoder, which stays dense."""

    def __init__(self, convolution: nn.Module) -> None:
        super().__init__()
        self.first, self.second = SubMConv3d(1, 1, 3), convolution


def pruned(convolution: nn.Module, weights: dict[str, Tensor], **options) -> nn.Module:
    assert prune_convolutions(AfterAnother(convolution), PruningOptions(**options)) == ['second']
    with torch.no_grad():  # loaded without its versions, mmdet3d takes it for spconv 1.x
        for name, value in weights.items():
            getattr(convolution, name).copy_(value)
    return convolution


def ratio_of(name: str) -> float:
    return round(1 - float(name.removeprefix('topk')), 6)


def in_order(voxels: SparseConvTensor) -> tuple[np.ndarray, Tensor]:
    order = np.lexsort(voxels.indices.numpy().T[::-1])
    return voxels.indices[order].numpy(), voxels.features[order]


def loss_of(values: Tensor) -> Tensor:
    waves = torch.from_numpy(np.cos(0.37 * np.arange(values.numel())).astype(np.float32))
    return (values.flatten() * waves).sum() / values.numel() ** 0.5


@pytest.mark.parametrize(('cloud', 'ratio'), SPSS)
def test_submanifold(golden, one_thread, cloud, ratio):
    name = f'{cloud}_spss_{ratio}'
    options = (dict(threshold=0.6) if ratio.startswith('thre') else
               dict(submanifold_keep_ratio=ratio_of(ratio)))
    layer = pruned(SubMConv3d(16, 16, 3), {
        part: golden.state('ops')[f'spss.conv_block.{part}'] for part in ('weight', 'bias')},
        **options)
    values, voxels = golden.voxels(cloud, 'op_features')
    np.testing.assert_array_equal(~layer.strength_of(voxels).strong.numpy(),
                                  golden.outputs[f'{name}_pruned'])
    found = layer(voxels).features
    loss = loss_of(found)
    loss.backward()
    np.testing.assert_allclose(found.detach(), golden.outputs[name], atol=1e-5)
    np.testing.assert_allclose(values.grad, golden.outputs[f'{name}_input_grad'], atol=1e-5)
    check_norms(golden.norms[name], loss, dict(layer.named_parameters()), values)


@pytest.mark.parametrize('cloud', ['inner', 'edge'])
@pytest.mark.parametrize(('ratio', 'padding'), SPRS)
def test_downsampling(golden, one_thread, cloud, ratio, padding):
    name = f'{cloud}_sprs_{ratio}_pad{"".join(map(str, padding))}'
    values, loss, layer, found = downsampled(golden, cloud, ratio, padding, **QUIRKS)
    np.testing.assert_array_equal(found.spatial_shape, golden.outputs[f'{name}_shape'])
    cells, features = in_order(found)
    ties = tied_places(layer, golden.voxels(cloud, 'op_features')[1])
    assert (len(ties) == 0) == (cloud == 'inner')
    (cells, features), (stored, wanted) = (
        away_from(ties, *each) for each in (
            (cells, features.detach().numpy()),
            (golden.outputs[f'{name}_coords'], golden.outputs[name])))
    np.testing.assert_array_equal(cells, stored)
    np.testing.assert_allclose(features, wanted, atol=1e-5)
    assert len(cells) > 0.3 * len(golden.outputs[name])
    if cloud == 'inner':
        check_norms(golden.norms[name], loss, dict(layer.named_parameters()), values)


def tied_places(layer: nn.Module, voxels: SparseConvTensor) -> np.ndarray:
    """Places of different voxels with one published key, [T, 4] sample, z, y, x.

    Which of them the joined voxel has, the release leaves to an unstable sort.
    """
    given = layer.strength_of(voxels)
    strong = given.strong[given.order]
    exact, joined = (dilated_voxels(
        given.features, voxels.indices, given.order[strong], given.order[~strong], [3] * 3, SHAPE,
        skip_index_zero=True, colliding_keys=colliding)[1].numpy() for colliding in (False, True))
    found = []
    for sample in range(2):
        cells = exact[exact[:, 0] == sample]
        keys = (cells[:, 1] * cells[:, 2].max() + cells[:, 2]) * cells[:, 3].max() + cells[:, 3]
        _, number, counts = np.unique(keys, return_inverse=True, return_counts=True)
        found.append(cells[counts[number] > 1])
    gone = {tuple(cell) for cell in exact} - {tuple(cell) for cell in joined}
    assert gone <= {tuple(cell) for cell in np.concatenate(found)}
    return np.concatenate(found)


def away_from(ties: np.ndarray, cells: np.ndarray,
              features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cells, with their features, whose windows hold none of the tied places."""
    if not len(ties):
        return cells, features
    apart = np.abs(2 * cells[:, None, 1:].astype(int) - ties[None, :, 1:]).max(2)
    near = (apart <= 1) & (cells[:, None, 0] == ties[None, :, 0])
    return cells[~near.any(1)], features[~near.any(1)]


@pytest.mark.parametrize(('ratio', 'padding'), SPRS)
def test_away_from_the_edges_the_clean_rule_agrees(golden, one_thread, ratio, padding):
    name = f'inner_sprs_{ratio}_pad{"".join(map(str, padding))}'
    clean = dict(center_on_even=True) if padding[0] == 0 else {}
    *_, found = downsampled(golden, 'inner', ratio, padding, **clean)
    cells, features = in_order(found)
    np.testing.assert_array_equal(cells, golden.outputs[f'{name}_coords'])
    np.testing.assert_allclose(features.detach(), golden.outputs[name], atol=1e-5)


@pytest.mark.parametrize(('quirk', 'padding'), [
    ('skip_index_zero', (1, 1, 1)), ('colliding_keys', (1, 1, 1)), ('center_on_even', (0, 1, 1))])
def test_each_quirk_is_needed(golden, one_thread, quirk, padding):
    name = f'edge_sprs_topk0.5_pad{"".join(map(str, padding))}'
    *_, found = downsampled(golden, 'edge', 'topk0.5', padding, **{**QUIRKS, quirk: False})
    cells, features = in_order(found)
    stored = golden.outputs[f'{name}_coords']
    assert cells.shape != stored.shape or not np.array_equal(cells, stored) or not np.allclose(
        features.detach(), golden.outputs[name], atol=1e-3)


def test_index_zero_stays_unless_published(golden, one_thread):
    *_, found = downsampled(golden, 'edge', 'topk0.5', (1, 1, 1))
    cells, _ = in_order(found)
    assert ((cells[:, 1:] == 0).any(1)).sum() >= 733
    assert len(cells) == 1450


@pytest.mark.parametrize('name', ENCODERS)
def test_encoders(golden, one_thread, name):
    cloud, kind, *ratios = name.split('_')
    encoder = released_encoder(golden, kind, *(round(1 - float(ratio), 6) for ratio in ratios))
    seen, masks = {}, []
    for number, stage in enumerate(encoder.encoder_layers, start=1):
        layer = stage[1] if kind == 'res' and number < 4 else stage[-1]
        layer.register_forward_hook(
            lambda _, __, output, number=number: seen.update({f'x_conv{number}': output}))
    for layer in encoder.modules():
        if isinstance(layer, PrunedSubmanifold):
            layer.register_forward_pre_hook(lambda layer, inputs: masks.append(
                in_order(inputs[0].replace_feature(
                    ~layer.strength_of(inputs[0]).strong[:, None]))[1].squeeze(1)))
    encoder.conv_out.register_forward_hook(lambda _, __, output: seen.update(out=output))
    values, voxels = golden.voxels(cloud, 'features')
    encoder(values, voxels.indices, 2)
    for number, mask in enumerate(masks):
        np.testing.assert_array_equal(mask, golden.outputs[f'{name}_spss{number:02}_pruned'])
    assert f'{name}_spss{len(masks):02}_pruned' not in golden.outputs
    losses = []
    for stage, output in seen.items():
        cells, features = in_order(output)
        losses.append(loss_of(features))
        features = features.detach()
        np.testing.assert_array_equal(cells, golden.outputs[f'{name}_{stage}_coords'])
        digest = torch.stack([features.mean(1), features.norm(dim=1)], 1)
        np.testing.assert_allclose(digest, golden.outputs[f'{name}_{stage}_digest'],
                                   atol=1e-5, rtol=1e-5)
    assert len(losses) == 5
    loss = sum(losses)
    loss.backward()
    stored = {ours: norm for ours, norm in renamed_norms(golden.norms[name], kind, encoder)}
    check_norms(stored, loss, dict(encoder.named_parameters()), values)


def released_encoder(golden: Golden, kind: str, submanifold: float, downsampling: float,
                     **quirks) -> PrunedSparseEncoder:
    encoder = PrunedSparseEncoder(
        4, SHAPE, norm_cfg=NORM, **(RESIDUAL if kind == 'res' else {}), pruning=dict(
            submanifold_keep_ratio=submanifold, downsampling_keep_ratio=downsampling,
            submanifold_bias=kind == 'res', **{**QUIRKS, **quirks}))
    encoder.load_state_dict(convert_published(prefixed(golden.state(kind), kind), encoder))
    return encoder.eval()


def prefixed(published: dict, kind: str) -> dict:
    """The release's names as those of a dense encoder of det3d or of OpenPCDet."""
    prefix = 'backbone.' if kind == 'res' else 'backbone_3d.'
    return {f'{prefix}{name}': value for name, value in dense_names(published).items()}


def renamed_norms(norms: dict, kind: str, encoder: nn.Module):
    """Norms of gradients under our names, found by sending numbers through the converter."""
    names = [name for name in norms if name not in ('input', 'loss')]
    shapes = {name: value.shape for name, value in encoder.state_dict().items()}
    from focalsconv.published_checkpoint import published_to_ours
    dense = dense_names(dict.fromkeys(names, torch.zeros(0)))
    for published, theirs in zip(names, dense, strict=True):
        ours = published_to_ours(theirs, kind == 'res')
        assert ours in shapes
        yield ours, norms[published]
    yield from (('input', norms['input']), ('loss', norms['loss']))


def downsampled(golden: Golden, cloud: str, ratio: str, padding: tuple, **quirks):
    layer = pruned(SparseConv3d(16, 32, 3, stride=2, padding=padding, bias=False),
                   dict(weight=golden.state('ops')['sprs.conv_block.weight']),
                   downsampling_keep_ratio=ratio_of(ratio), **quirks)
    values, voxels = golden.voxels(cloud, 'op_features')
    found = layer(voxels)
    loss = loss_of(in_order(found)[1])
    loss.backward()
    return values, loss, layer, found


def check_norms(stored: dict, loss: Tensor, parameters: dict, values: Tensor) -> None:
    assert loss.item() == pytest.approx(stored['loss'], rel=1e-5, abs=1e-5)
    assert values.grad.norm().item() == pytest.approx(stored['input'], rel=1e-3)
    assert set(parameters) == set(stored) - {'input', 'loss'}
    for name, parameter in parameters.items():
        assert parameter.grad.norm().item() == pytest.approx(stored[name], rel=1e-3), name
