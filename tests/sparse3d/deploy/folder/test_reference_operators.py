"""The operators of the export folder beside spconv's own pair tables and a dense convolution."""
from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip('onnx', reason='onnx is not installed (extra: export)')

import onnx
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from spconv.core import ConvAlgo
from spconv.pytorch import ops

from sparse3d.deploy.folder.reference_operators import (
    LEAKY_RELU,
    OPERATORS,
    RELU,
    SIGMOID,
    GetIndicePairsImplicitGemm,
    ImplicitGemm,
    activated,
    masks_of,
)

SHAPE = [5, 8, 9]
GEOMETRIES = [
    dict(ksize=[3, 3, 3], stride=[1, 1, 1], padding=[1, 1, 1], dilation=[1, 1, 1], subm=1),
    dict(ksize=[3, 3, 3], stride=[1, 1, 1], padding=[2, 2, 2], dilation=[2, 2, 2], subm=1),
    dict(ksize=[3, 3, 3], stride=[2, 2, 2], padding=[1, 1, 1], dilation=[1, 1, 1], subm=0),
    dict(ksize=[3, 3, 3], stride=[2, 2, 2], padding=[0, 1, 1], dilation=[1, 1, 1], subm=0),
    dict(ksize=[3, 1, 1], stride=[2, 1, 1], padding=[0, 0, 0], dilation=[1, 1, 1], subm=0),
]


def drawn_voxels(count: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    keys = random.choice(int(np.prod(SHAPE)), count, replace=False)
    cells = np.stack(np.unravel_index(keys, SHAPE), 1)
    return np.concatenate([np.zeros((count, 1), int), cells], 1).astype(np.int32)


def tables(voxels: np.ndarray, **geometry):
    """Outputs of the operator, run by onnx's evaluator."""
    fields = dict(geometry, batch_size=1, algo=1, is_train=0, out_padding=[0, 0, 0],
                  spatial_shape=SHAPE, transpose=0, do_sort=geometry.get('do_sort', 1))
    names = ['voxels_out', 'pairs', 'mask', 'order', 'count']
    node = helper.make_node('GetIndicePairsImplicitGemm', ['voxels'], names, domain='autoware',
                            **fields)
    graph = helper.make_graph(
        [node], 'one', [helper.make_tensor_value_info('voxels', TensorProto.INT32, ['N', 4])],
        [helper.make_tensor_value_info(name, TensorProto.INT32, shape) for name, shape in
         zip(names, (['M', 4], [None, 'M'], ['M', 1], ['M'], []), strict=True)])
    model = helper.make_model(graph, ir_version=10, opset_imports=[
        helper.make_opsetid('', 18), helper.make_opsetid('autoware', 1)])
    onnx.checker.check_model(model)
    return ReferenceEvaluator(model, new_ops=OPERATORS).run(None, {'voxels': voxels})


def of_spconv(voxels: np.ndarray, ksize, stride, padding, dilation, subm) -> set:
    """(offset, input cell, output cell) of spconv's own table."""
    rows = torch.from_numpy(voxels)
    output, pairs, counts = ops.get_indice_pairs(
        rows, 1, SHAPE, ConvAlgo.Native, ksize, stride, padding, dilation, [0, 0, 0], bool(subm),
        False)
    found = set()
    for offset, count in enumerate(counts.tolist()):
        sources, targets = pairs[0, offset, :count].tolist(), pairs[1, offset, :count].tolist()
        found |= {(offset, *voxels[source].tolist(), *output[target].tolist())
                  for source, target in zip(sources, targets, strict=True)}
    if subm:  # spconv keeps one half: who has a neighbor ahead is behind that neighbor
        last = len(counts) - 1
        found |= {(last - offset, *ends[4:], *ends[:4]) for offset, *ends in found}
        found |= {(last // 2, *cell, *cell) for cell in voxels.tolist()}
    return found


@pytest.mark.parametrize('geometry', GEOMETRIES)
@pytest.mark.parametrize('count', [60, 1])
def test_pairs_are_those_of_spconv(geometry, count):
    voxels = drawn_voxels(count)
    output, pairs, mask, order, number = tables(voxels, **geometry)
    found = {(offset, *voxels[row].tolist(), *output[target].tolist())
             for offset, of_offset in enumerate(pairs) for target, row in enumerate(of_offset)
             if row >= 0}
    assert found == of_spconv(voxels, **geometry)
    assert int(number) == len(output) == pairs.shape[1]
    assert (mask.shape, order.shape) == ((len(output), 1), (len(output), ))
    ordered = mask[order, 0].view(np.uint32)
    assert (ordered[1:] >= ordered[:-1]).all()


@pytest.mark.parametrize('geometry', GEOMETRIES)
def test_no_voxel_gives_empty_tables(geometry):
    output, pairs, mask, order, number = tables(drawn_voxels(60)[:0], **geometry)
    assert output.shape == (0, 4) and pairs.shape == (int(np.prod(geometry['ksize'])), 0)
    assert mask.shape == (0, 1) and order.shape == (0, ) and int(number) == 0


def test_rows_stay_in_place_where_nothing_is_sorted():
    assert (tables(drawn_voxels(60), **GEOMETRIES[0], do_sort=0)[3] == np.arange(60)).all()


def test_a_mask_has_the_bits_of_the_offsets_that_meet():
    pairs = np.full((27, 2), -1, np.int32)
    pairs[[0, 13, 26], [0, 0, 1]] = 5
    assert masks_of(pairs).ravel().tolist() == [1 | 1 << 13, 1 << 26]
    high = np.full((32, 1), -1, np.int32)
    high[31] = 0
    assert masks_of(high).view(np.uint32).item() == 1 << 31


def convolved(features, filters, pairs, mask, order, bias=None, **fields):
    given = dict(act_alpha=0.0, act_beta=0.0, act_type=0, is_subm=0, is_train=0, output_scale=1.0,
                 output_add_scale=1.0, **fields) | fields
    inputs = dict(features=features, filters=filters, pairs=pairs, mask=mask, order=order)
    if bias is not None:
        inputs['bias'] = bias
    node = helper.make_node('ImplicitGemm', list(inputs), ['out'], domain='autoware', **given)
    graph = helper.make_graph(
        [node], 'one',
        [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype),
                                       list(value.shape)) for name, value in inputs.items()],
        [helper.make_tensor_value_info('out', TensorProto.FLOAT, None)])
    model = helper.make_model(graph, ir_version=10, opset_imports=[
        helper.make_opsetid('', 18), helper.make_opsetid('autoware', 1)])
    return ReferenceEvaluator(model, new_ops=OPERATORS).run(None, inputs)[0]


@pytest.mark.parametrize('geometry', GEOMETRIES)
def test_a_convolution_is_the_dense_one_where_there_are_voxels(geometry):
    random = np.random.default_rng(2)
    voxels = drawn_voxels(60)
    features = random.normal(size=(60, 3)).astype(np.float32)
    filters = random.normal(size=(5, *geometry['ksize'], 3)).astype(np.float32)
    bias = random.normal(size=5).astype(np.float32)
    output, *rest, _ = tables(voxels, **geometry)
    found = convolved(features, filters, *rest, bias)
    dense = np.zeros((1, 3, *SHAPE), np.float32)
    dense[0][(slice(None), *voxels[:, 1:].T)] = features.T
    expected = torch.nn.functional.conv3d(
        torch.from_numpy(dense), torch.from_numpy(filters.transpose(0, 4, 1, 2, 3).copy()),
        torch.from_numpy(bias), geometry['stride'], geometry['padding'], geometry['dilation'])
    np.testing.assert_allclose(found, expected[0].numpy()[(slice(None), *output[:, 1:].T)].T,
                               rtol=1e-4, atol=1e-4)


def test_tables_that_do_not_fit_are_refused():
    voxels = drawn_voxels(10)
    _, pairs, mask, order, _ = tables(voxels, **GEOMETRIES[0])
    features, filters = np.ones((10, 2), np.float32), np.ones((1, 3, 3, 3, 2), np.float32)
    with pytest.raises(ValueError, match='mask is not that of the pairs'):
        convolved(features, filters, pairs, mask + 1, order)
    with pytest.raises(ValueError, match='no permutation'):
        convolved(features, filters, pairs, mask, order * 0)
    with pytest.raises(ValueError, match='do not fit 27 kernel offsets'):
        convolved(features, filters[:, :2], pairs, mask, order)
    with pytest.raises(ValueError, match=r'voxels are \[N, 4\] int32'):
        tables(voxels.astype(np.int32)[:, :3], **GEOMETRIES[0])


def test_activations():
    values = np.array([-2.0, 0.0, 3.0], np.float32)
    assert activated(values, RELU, 0).tolist() == [0, 0, 3]
    assert activated(values, LEAKY_RELU, 0.5).tolist() == [-1, 0, 3]
    np.testing.assert_allclose(activated(values, SIGMOID, 0), 1 / (1 + np.exp(-values)))
    with pytest.raises(ValueError, match='no activation 7'):
        activated(values, 7, 0)
    assert {GetIndicePairsImplicitGemm.op_domain, ImplicitGemm.op_domain} == {'autoware'}
