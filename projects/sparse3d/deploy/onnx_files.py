"""ONNX files of standard operators from modules of PyTorch."""
from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from sparse3d.errors import BackendUnavailable, ConfigError

OPSET = 18
PACKAGES = ('onnx', 'onnxruntime', 'onnxscript')


def require_packages() -> None:
    """Raise BackendUnavailable unless the packages of the export are installed."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise BackendUnavailable(f'the export needs {", ".join(missing)}: '
                                 '"pip install onnx onnxruntime onnxscript"')


def refuse_device(model: nn.Module) -> None:
    """Raise BackendUnavailable unless a model lies on the CPU, where it is traced and compared."""
    found = {str(value.device) for value in model.parameters()} - {'cpu'}
    if found:
        raise BackendUnavailable(f'the detector lies on {", ".join(sorted(found))}, an export is '
                                 'traced and compared on the CPU: call detector.cpu() first')


def to_onnx(model: nn.Module, inputs: Mapping[str, Tensor],
            changing: Mapping[str, Mapping[int, Any]] | None = None) -> bytes:
    """The content of an ONNX file.

    Args:
        model: in evaluation mode; from a dict of tensors to a dict of tensors.
        inputs: an example; their names become those of the file's inputs.
        changing: of each input the axes whose length may change (``torch.export``'s
            ``dynamic_shapes``); None for fixed shapes.

    Raises:
        ConfigError: if other operators than ONNX's own are needed.
    """
    with torch.no_grad(), _quiet():
        outputs = list(model(inputs))
        program = torch.onnx.export(
            model, (), kwargs={'inputs': inputs}, dynamo=True, opset_version=OPSET,
            dynamic_shapes=None if changing is None else {
                'inputs': {name: changing.get(name, {}) for name in inputs}},
            input_names=list(inputs), output_names=outputs)
    proto = program.model_proto
    foreign = {node.domain for node in proto.graph.node} - {''}
    if foreign:
        raise ConfigError(f'the exported model needs operators of {", ".join(sorted(foreign))}')
    del proto.graph.value_info[:]  # lengths of the example, which a part of a larger graph has not
    return proto.SerializeToString()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's progress and notices off the terminal."""
    logger = logging.getLogger('torch.onnx')
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logger.setLevel(before)
