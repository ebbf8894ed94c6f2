"""Graphs in float16 and int8: only what multiplies with weights, and only a little apart."""
from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sparse3d.deploy.precision import PRECISIONS, lowered, named, weighted_nodes
from sparse3d.errors import ConfigError

SHAPE = [1, 4, 8, 8]


def small_graph(weights: bool = True) -> bytes:
    """A convolution, ReLU, a product with a constant, and one of two values, as a projection is."""
    random = np.random.default_rng(0)
    arrays = dict(w=random.normal(size=(4, 4, 3, 3)), m=random.normal(size=(8, 8)))
    nodes = [helper.make_node('Conv', ['x', 'w'], ['c'], pads=[1, 1, 1, 1]),
             helper.make_node('Relu', ['c'], ['r']), helper.make_node('MatMul', ['r', 'm'], ['p'])]
    last = 'p' if weights else 'x'
    nodes = [*(nodes if weights else []), helper.make_node('MatMul', [last, 'far'], ['y'])]
    graph = helper.make_graph(
        nodes, 'small', [helper.make_tensor_value_info('x', TensorProto.FLOAT, SHAPE),
                         helper.make_tensor_value_info('far', TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, SHAPE)],
        [numpy_helper.from_array(value.astype(np.float32), name)
         for name, value in arrays.items() if weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=10)
    return model.SerializeToString()


def inputs(far: float = 1.0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    return dict(x=random.normal(size=SHAPE).astype(np.float32),
                far=np.full(SHAPE, far, np.float32))


def answer(content: bytes, given: dict[str, np.ndarray]) -> np.ndarray:
    import onnxruntime
    return onnxruntime.InferenceSession(content).run(None, given)[0]


@pytest.mark.parametrize('precision', PRECISIONS)
def test_a_graph_is_smaller_and_a_little_apart(precision):
    content = small_graph()
    coarse = lowered(content, precision, [inputs()])
    expected = answer(content, inputs())
    apart = np.abs(answer(coarse, inputs()) - expected).max() / np.abs(expected).max()
    assert 0 < apart < (1e-2 if precision == 'float16' else 8e-2)
    kinds = {weight.data_type for weight in onnx.load_from_string(coarse).graph.initializer
             if len(weight.dims) > 1}
    assert kinds == {dict(float16=TensorProto.FLOAT16, int8_dynamic=TensorProto.UINT8,
                          int8_static=TensorProto.INT8)[precision]}


@pytest.mark.parametrize('precision', PRECISIONS)
def test_a_product_of_two_values_stays_in_float32(precision):
    """In float16 a value above 65504 would be infinite."""
    given = inputs(far=1e5)
    content = small_graph()
    found = answer(lowered(content, precision, [given]), given)
    assert np.isfinite(found).all() and np.abs(found).max() > 65504
    model = named(onnx.load_from_string(content))
    assert len(weighted_nodes(model)) == 2
    assert len({node.name for node in model.graph.node}) == 4


def test_what_cannot_be_lowered_is_said():
    with pytest.raises(ConfigError, match='precision .int4. is unknown; use one of float16'):
        lowered(small_graph(), 'int4')
    with pytest.raises(ConfigError, match='nothing to make float16'):
        lowered(small_graph(weights=False), 'float16')
    with pytest.raises(ConfigError, match='there is no frame; name a config'):
        lowered(small_graph(), 'int8_static')
