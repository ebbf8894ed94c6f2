"""Nodes of an ONNX graph that compute in float16, between casts; everything else stays float32."""
from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BETWEEN = ('Relu', 'MaxPool')  # behind such a node: no need to go back to float32
HALF = '_float16'


def with_half_nodes(model: onnx.ModelProto, names: Iterable[str]) -> onnx.ModelProto:
    """The model with some nodes in float16: their weights are stored so, and what else goes in is
    cast; what comes out is cast back where a node in float32 or the graph's end reads it.

    Args:
        model: is changed; nodes have names, and stand in an order in which they can run.
        names: of nodes all of whose inputs and outputs are float32.
    """
    graph, half = model.graph, set(names)
    weights = {weight.name: weight for weight in graph.initializer}
    made: set[str] = set()  # values that there are in float16
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.name not in half and not (
                node.op_type in BETWEEN and len(node.output) == 1 and node.input[0] in made):
            nodes.append(node)
            continue
        half.add(node.name)
        for place, value in enumerate(node.input):
            if value and value not in made:
                made.add(value)
                if value in weights:
                    graph.initializer.append(_half(weights[value], value + HALF))
                else:
                    nodes.append(_cast(value, value + HALF, TensorProto.FLOAT16))
            node.input[place] = value and value + HALF
        nodes.append(node)
        for place, value in enumerate(node.output):
            made.add(value)
            node.output[place] = value + HALF
            nodes.append(_cast(value + HALF, value, TensorProto.FLOAT))
    _replace(graph, nodes)
    return model


def _half(weight: onnx.TensorProto, name: str) -> onnx.TensorProto:
    with np.errstate(over='ignore'):  # the outputs are looked at
        return numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), name)


def _cast(source: str, target: str, to: int) -> onnx.NodeProto:
    return helper.make_node('Cast', [source], [target], f'cast_to_{target}', to=to)


def _replace(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    """Put nodes and weights into the graph that something reads."""
    wanted = {value.name for value in graph.output}
    kept = []
    for node in reversed(nodes):
        if node.op_type != 'Cast' or node.output[0] in wanted:
            kept.append(node)
            wanted |= set(node.input) | _read_inside(node)
    weights = [weight for weight in graph.initializer if weight.name in wanted]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(weights)


def _read_inside(node: onnx.NodeProto) -> set[str]:
    """What the graphs inside a node (of If, Loop) read of the graph around."""
    found: set[str] = set()
    for attribute in node.attribute:
        for inner in attribute.g.node:
            found |= set(inner.input) | _read_inside(inner)
    return found
