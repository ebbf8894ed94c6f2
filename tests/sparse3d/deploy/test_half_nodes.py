"""Casts stand where float16 begins and ends, and nowhere between."""
from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sparse3d.deploy.half_nodes import with_half_nodes


@pytest.fixture
def model() -> onnx.ModelProto:
    """x -> Conv -> Relu -> Conv -> Sigmoid -> y; the first Relu is an output too."""
    random = np.random.default_rng(0)
    weights = [numpy_helper.from_array(random.normal(size=(2, 2, 1, 1)).astype(np.float32), name)
               for name in 'ab']
    nodes = [helper.make_node('Conv', ['x', 'a'], ['one'], 'first'),
             helper.make_node('Relu', ['one'], ['two'], 'relu'),
             helper.make_node('Conv', ['two', 'b'], ['three'], 'second'),
             helper.make_node('Sigmoid', ['three'], ['y'], 'sigmoid')]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2, 4, 4])
              for name in ('x', 'two', 'y')]
    graph = helper.make_graph(nodes, 'g', values[:1], values[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=10)


def test_casts_stand_at_the_ends(model):
    x = np.random.default_rng(1).normal(size=(1, 2, 4, 4)).astype(np.float32)
    import onnxruntime
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {'x': x})
    half = with_half_nodes(model, ['first', 'second'])
    onnx.checker.check_model(half, full_check=True)
    assert [node.op_type for node in half.graph.node] == [
        'Cast', 'Conv', 'Relu', 'Cast', 'Conv', 'Cast', 'Sigmoid']
    assert {weight.data_type for weight in half.graph.initializer} == {TensorProto.FLOAT16}
    assert {value.name for value in half.graph.output} == {'two', 'y'}
    found = onnxruntime.InferenceSession(half.SerializeToString()).run(None, {'x': x})
    for one, other in zip(found, expected, strict=True):
        assert 0 < np.abs(one - other).max() < 1e-2


def test_what_a_float32_node_reads_too_stays(model):
    model.graph.node.append(helper.make_node('Conv', ['x', 'a'], ['more'], 'third'))
    model.graph.output.append(helper.make_tensor_value_info('more', TensorProto.FLOAT, None))
    half = with_half_nodes(model, ['first'])
    kinds = {weight.name: weight.data_type for weight in half.graph.initializer}
    assert kinds == {'a': TensorProto.FLOAT, 'b': TensorProto.FLOAT, 'a_float16':
                     TensorProto.FLOAT16}
