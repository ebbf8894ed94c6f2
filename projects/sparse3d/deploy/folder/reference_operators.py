"""Reference operators for onnx's ``ReferenceEvaluator``: sparse convolutions as Autoware has them.

What the operators take, give and mean follows the public sources of Autoware's TensorRT plug-ins,
``perception/autoware_tensorrt_plugins`` of github.com/autowarefoundation/autoware_universe:
``get_indices_pairs_implicit_gemm_plugin`` at commits 09aa6a4 (.cpp) and 3c46ea3 (.hpp), and
``implicit_gemm_plugin`` at commit 081957b. They are written for reading, not for speed.

``GetIndicePairsImplicitGemm``: voxels [N, 4] int32 (sample, z, y, x) to

- voxels of the output [M, 4],
- ``pair_fwd`` [K, M]: the row of the input voxel under kernel offset k, or -1,
- ``pair_mask_fwd`` [M, 1]: bit k is set where ``pair_fwd[k]`` is not -1,
- ``mask_argsort_fwd`` [M]: rows in the order of their masks,
- M, a scalar.

``ImplicitGemm``: features [N, C], filters [C', kz, ky, kx, C], ``pair_fwd``, ``pair_mask_fwd``,
``mask_argsort_fwd`` and perhaps a bias [C'] to features [M, C'].
"""
import itertools

import numpy as np
from onnx import TensorProto, helper
from onnx.reference.op_run import OpRun

DOMAIN = 'autoware'
NO_ACTIVATION, RELU, SIGMOID, LEAKY_RELU = range(4)


class GetIndicePairsImplicitGemm(OpRun):
    """Which input voxels meet which output voxels under which kernel offset."""

    op_domain = DOMAIN

    def _run(self, voxels, **_):
        if voxels.ndim != 2 or voxels.shape[1] != 4 or voxels.dtype != np.int32:
            raise ValueError(f'voxels are [N, 4] int32, not {voxels.shape} {voxels.dtype}')
        if self.transpose:
            raise ValueError('a transposed convolution has no reference here')
        shape, kernel = list(self.spatial_shape), list(self.ksize)
        if self.subm:
            output, pairs = submanifold_pairs(voxels, shape, kernel, list(self.dilation))
        else:
            output, pairs = strided_pairs(voxels, shape, kernel, list(self.stride),
                                          list(self.padding), list(self.dilation))
        mask = masks_of(pairs)
        order = (np.argsort(mask[:, 0].view(np.uint32), kind='stable') if self.do_sort
                 else np.arange(len(mask)))
        return output, pairs, mask, order.astype(np.int32), np.array(len(output), np.int32)


class ImplicitGemm(OpRun):
    """A sparse convolution over tables of pairs, with bias and activation."""

    op_domain = DOMAIN

    def _run(self, features, filters, pairs, mask, order, bias=None, act_type=NO_ACTIVATION,
             act_alpha=0.0, **_):
        expected = (pairs.shape[1], 1)
        if mask.shape != expected or order.shape != expected[:1]:
            raise ValueError(f'{pairs.shape[1]} output voxels, but a mask {mask.shape} and an '
                             f'order {order.shape}')
        if not np.array_equal(mask, masks_of(pairs)):
            raise ValueError('the mask is not that of the pairs')
        if not np.array_equal(np.sort(order), np.arange(len(order))):
            raise ValueError('the order is no permutation of the output voxels')
        weights = filters.reshape(filters.shape[0], -1, filters.shape[-1])
        if weights.shape[1:] != (pairs.shape[0], features.shape[1]):
            raise ValueError(f'filters {filters.shape} do not fit {pairs.shape[0]} kernel offsets '
                             f'and {features.shape[1]} channels')
        result = np.zeros((pairs.shape[1], filters.shape[0]), features.dtype)
        for offset, rows in enumerate(pairs):
            met = rows >= 0
            result[met] += features[rows[met]] @ weights[:, offset].T
        if bias is not None:
            result += bias
        return (activated(result, act_type, act_alpha),)


def submanifold_pairs(voxels, shape, kernel, dilation):
    """Outputs are the inputs; kernel offsets count from the middle."""
    back = [size // 2 * step for size, step in zip(kernel, dilation, strict=True)]
    keys = keys_of(voxels[:, 0], voxels[:, 1:].T.astype(np.int64), shape)
    order = np.argsort(keys, kind='stable')
    pairs = np.full((int(np.prod(kernel)), len(voxels)), -1, np.int32)
    for offset, step in enumerate(itertools.product(*map(range, kernel))):
        place = [voxels[:, 1 + axis].astype(np.int64) - back[axis] + step[axis] * dilation[axis]
                 for axis in range(3)]
        inside = np.logical_and.reduce([
            (at >= 0) & (at < size) for at, size in zip(place, shape, strict=True)])
        wanted = keys_of(voxels[:, 0], place, shape)
        at = np.searchsorted(keys, wanted, sorter=order)
        row = order[np.minimum(at, len(keys) - 1)] if len(keys) else at
        met = inside & (keys[row] == wanted) if len(keys) else inside
        pairs[offset, met] = row[met]
    return voxels.copy(), pairs


def strided_pairs(voxels, shape, kernel, stride, padding, dilation):
    """Outputs are all cells that an input reaches, in the order of sample, z, y, x."""
    extent = [(size + 2 * pad - step * (width - 1) - 1) // jump + 1
              for size, width, jump, pad, step in zip(
                  shape, kernel, stride, padding, dilation, strict=True)]
    reached = []
    for step in itertools.product(*map(range, kernel)):
        cells, kept = [], np.ones(len(voxels), bool)
        for axis in range(3):
            shifted = voxels[:, 1 + axis].astype(np.int64) + padding[axis] \
                - step[axis] * dilation[axis]
            place = shifted // stride[axis]
            kept &= (place * stride[axis] == shifted) & (place >= 0) & (place < extent[axis])
            cells.append(place)
        reached.append((np.flatnonzero(kept), keys_of(voxels[:, 0], cells, extent)[kept]))
    keys = np.unique(np.concatenate([found for _, found in reached]))
    pairs = np.full((len(reached), len(keys)), -1, np.int32)
    for offset, (rows, found) in enumerate(reached):
        pairs[offset, np.searchsorted(keys, found)] = rows
    return np.stack(np.unravel_index(keys, [2 ** 20, *extent]), 1).astype(np.int32), pairs


def keys_of(sample, cells, shape):
    """One number for each cell."""
    keys = sample.astype(np.int64)
    for place, size in zip(cells, shape, strict=True):
        keys = keys * size + place
    return keys


def masks_of(pairs):
    """[M, 1] int32, bit k set where offset k has an input voxel."""
    bits = (pairs >= 0).astype(np.uint32) << np.arange(len(pairs), dtype=np.uint32)[:, None]
    return np.bitwise_or.reduce(bits, axis=0).astype(np.uint32).view(np.int32)[:, None]


def activated(values, kind, alpha):
    """What the plug-in's activations do; kinds as TensorView numbers them."""
    if kind == NO_ACTIVATION:
        return values
    if kind == RELU:
        return np.maximum(values, 0)
    if kind == SIGMOID:
        return 1 / (1 + np.exp(-values))
    if kind == LEAKY_RELU:
        return np.where(values > 0, values, values * np.float32(alpha))
    raise ValueError(f'there is no activation {kind}')


class _ByRuntime(OpRun):
    """A standard operator by ONNX Runtime: the evaluator's own loops take minutes on real maps."""

    op_domain = ''
    made: dict = {}

    def _run(self, *inputs, **_):
        import onnxruntime
        node = self.onnx_node
        key = node.SerializeToString(), tuple((value.shape, value.dtype.str) for value in inputs)
        if key not in self.made:
            self.made[key] = onnxruntime.InferenceSession(
                _model_of(node, inputs), providers=['CPUExecutionProvider'])
        session = self.made[key]
        names = [value.name for value in session.get_inputs()]
        return tuple(session.run(None, dict(zip(names, inputs, strict=True))))


def _model_of(node, inputs):
    names = [f'input_{number}' for number in range(len(inputs))]
    outputs = [f'output_{number}' for number in range(len(node.output))]
    single = helper.make_node(node.op_type, names, outputs)
    single.attribute.extend(node.attribute)
    types = [helper.np_dtype_to_tensor_dtype(value.dtype) for value in inputs]
    kinds = [types[0], TensorProto.INT64][:len(outputs)]  # the second output of TopK: cells
    graph = helper.make_graph(
        [single], 'single',
        [helper.make_tensor_value_info(name, kind, list(value.shape))
         for name, kind, value in zip(names, types, inputs, strict=True)],
        [helper.make_tensor_value_info(name, kind, None)
         for name, kind in zip(outputs, kinds, strict=True)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=10)
    return model.SerializeToString()


class Conv(_ByRuntime):
    """A dense convolution."""


class ConvTranspose(_ByRuntime):
    """A dense transposed convolution."""


class ScatterND(_ByRuntime):
    """Rows written to places of a volume."""


class ScatterElements(_ByRuntime):
    """Numbers written to, or added up at, places of a table."""


class TopK(_ByRuntime):
    """The highest numbers; of equal ones the first, which the evaluator's own does not keep to."""


class GatherElements(_ByRuntime):
    """Numbers from places of a table, which the evaluator's own does for short axes only."""


class MaxPool(_ByRuntime):
    """The highest number of a window."""


OPERATORS = [GetIndicePairsImplicitGemm, ImplicitGemm, Conv, ConvTranspose, ScatterND,
             ScatterElements, TopK, GatherElements, MaxPool]
