"""ONNX files of standard operators, and ONNX Runtime's results beside PyTorch's."""
from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sparse3d.errors import BackendUnavailable, ConfigError, DataError

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
            changing: Mapping[str, Mapping[int, Any]] | None = None
            ) -> tuple[bytes, tuple[str, ...]]:
    """The content of an ONNX file, and the kinds of operators in it.

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
            dynamic_shapes=None if changing is None else {'inputs': changing},
            input_names=list(inputs), output_names=outputs)
    proto = program.model_proto
    foreign = {node.domain for node in proto.graph.node} - {''}
    if foreign:
        raise ConfigError(f'the exported model needs operators of {", ".join(sorted(foreign))}')
    return proto.SerializeToString(), tuple(sorted({node.op_type for node in proto.graph.node}))


class OnnxComparison:
    """Runs a file's content in ONNX Runtime on the CPU beside the model it was made of.

    Args:
        content: of the ONNX file.
        model: from a dict of tensors to a dict of tensors.
        tolerance: largest difference allowed, relative to the largest output or to 1.
    """

    def __init__(self, content: bytes, model: nn.Module, tolerance: float) -> None:
        import onnxruntime
        self.session = onnxruntime.InferenceSession(content, providers=['CPUExecutionProvider'])
        self.model, self.tolerance = model, tolerance

    def difference(self, inputs: Mapping[str, Tensor], what: str) -> float:
        """Largest difference of the outputs.

        Args:
            what: the inputs in words, for the message.

        Raises:
            DataError: if it is larger than the tolerance.
        """
        names = [value.name for value in self.session.get_outputs()]
        with torch.no_grad():
            expected = self.model(inputs)
        found = self.session.run(names, {name: value.numpy() for name, value in inputs.items()})
        largest = max(value.abs().max().item() for value in expected.values())
        apart = max(float(np.abs(value - expected[name].numpy()).max())
                    for name, value in zip(names, found, strict=True))
        if not apart <= self.tolerance * max(largest, 1):
            raise DataError(f'ONNX Runtime and PyTorch differ by {apart:.2g} on {what}; '
                            f'nothing was written')
        return apart


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
