"""A graph in float16 or in 8-bit integers, as ONNX Runtime runs it.

Only what multiplies with weights is made coarser: convolutions, and matrix products with a
constant. Geometry, decoding and attention between queries stay in float32: in float16 a place 50 m
away has steps of 3 cm, and a projection overflows.
"""
from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx

from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.deploy.half_nodes import with_half_nodes
from sparse3d.errors import BackendUnavailable, ConfigError

PRECISIONS = ('float16', 'int8_dynamic', 'int8_static')
CONVOLUTIONS, PRODUCTS = ('Conv', 'ConvTranspose'), ('MatMul', 'Gemm')
Inputs = Mapping[str, np.ndarray]


def lowered(content: bytes, precision: str, frames: Iterable[Inputs] = ()) -> bytes:
    """The content of a graph in another precision; inputs and outputs keep their types.

    Args:
        content: of an ONNX file of standard operators.
        precision: one of ``PRECISIONS``. ``'int8_dynamic'`` scales activations by each call's own,
            ``'int8_static'`` by what ``frames`` showed.
        frames: inputs of the graph to calibrate on, for ``'int8_static'``.

    Raises:
        ConfigError: for another precision, a graph without weights, or no frames where some are
            needed.
        BackendUnavailable: if ONNX Runtime lacks its tools.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f'the precision {precision!r} is unknown; use one of '
                          f'{", ".join(PRECISIONS)}')
    try:
        from onnxruntime.quantization import shape_inference
    except ImportError as error:
        raise BackendUnavailable(f'{precision} needs a part of ONNX Runtime that is not there '
                                 f'({error}): "pip install onnxruntime"') from error
    with tempfile.TemporaryDirectory() as folder, _quiet():
        whole, prepared = Path(folder) / 'whole.onnx', Path(folder) / 'prepared.onnx'
        write_bytes_atomically(whole, content)
        shape_inference.quant_pre_process(whole, prepared, skip_symbolic_shape=True,
                                           skip_optimization=True)
        model = named(onnx.load(prepared))
        weighted = weighted_nodes(model)
        if not weighted:
            raise ConfigError(f'no node of the graph multiplies with weights; there is nothing to '
                              f'make {precision}')
        if precision == 'float16':
            return with_half_nodes(model, weighted).SerializeToString()
        onnx.save(model, prepared)
        integers = Path(folder) / 'integers.onnx'
        # Not the nodes to take: ONNX Runtime makes a MatMul of a Gemm first, under another name.
        left = [node.name for node in model.graph.node if node.name not in weighted]
        if precision == 'int8_dynamic':
            _dynamic(prepared, integers, left)
        else:
            _static(prepared, integers, left, list(frames))
        return integers.read_bytes()


def weighted_nodes(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that multiply with a constant."""
    constants = {weight.name for weight in model.graph.initializer}
    constants |= {node.output[0] for node in model.graph.node if node.op_type == 'Constant'}
    return [node.name for node in model.graph.node
            if node.op_type in (*CONVOLUTIONS, *PRODUCTS) and node.input[1] in constants]


def named(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model, every node with a name of its own."""
    seen: set[str] = set()
    for number, node in enumerate(model.graph.node):
        if not node.name or node.name in seen:
            node.name = f'{node.op_type}_{number}_of_graph'
        seen.add(node.name)
    return model


def _dynamic(source: Path, target: Path, left: list[str]) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic
    quantize_dynamic(source, target, nodes_to_exclude=left,
                     op_types_to_quantize=['Conv', 'MatMul'],  # ConvTranspose has no such kernel
                     weight_type=QuantType.QUInt8)             # ConvInteger has none for int8


def _static(source: Path, target: Path, left: list[str], frames: list[Inputs]) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    if not frames:
        raise ConfigError('int8_static scales activations by what frames show, and there is no '
                          'frame; name a config whose data are there')
    quantize_static(
        source, target, _Frames(frames), quant_format=QuantFormat.QDQ, per_channel=True,
        nodes_to_exclude=left, op_types_to_quantize=[*CONVOLUTIONS, *PRODUCTS],
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)


class _Frames:
    """ONNX Runtime's ``CalibrationDataReader``."""

    def __init__(self, frames: list[Inputs]) -> None:
        self.left = iter(frames)

    def get_next(self) -> Inputs | None:
        return next(self.left, None)

    def __iter__(self) -> Iterator[Inputs]:
        return self.left


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep notices of the tools off the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
