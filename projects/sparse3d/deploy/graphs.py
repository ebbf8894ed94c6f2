"""One graph of an export: its content, how PyTorch answers, and samples of its inputs."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn

from sparse3d.errors import PluginError
from sparse3d.plugins import ExportedGraph


@dataclass(frozen=True)
class CommonRows:
    """Outputs whose rows are compared where both sides have them.

    Of peaks that are equally high, or nearly, either may be kept.

    Attributes:
        key: the output that names each row by an integer.
        outputs: those with these rows as their first axis, ``key`` among them.
        share: of PyTorch's rows that have to be there.
    """

    key: str
    outputs: tuple[str, ...]
    share: float = 0.98


@dataclass(frozen=True)
class Sample:
    """Inputs to compare on.

    Attributes:
        name: of the case, in words.
        inputs: by name.
        compared: outputs; None for all. Where all cells are alike, as without any point, what
            stands behind a choice of the highest ones is left out.
        copies: inputs that hold the same so many times along their first axis; stored once.
    """

    name: str
    inputs: Mapping[str, Tensor]
    compared: tuple[str, ...] | None = None
    copies: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """A graph to be written.

    Attributes:
        stated: what the plug-in's contract says of it.
        content: of the ONNX file.
        reference: PyTorch's outputs by name, from inputs by name.
        samples: the first is the example in ``export.json``.
        covers: beginnings of the names of all parameters of the model that it computes with.
        dynamic: of each input, axes that may change, and the word for their length.
        periods: outputs with an angle: its column, after how many radians it is the same, and the
            output with the vectors that it is the angle of, or None.
        rows_by: see :class:`CommonRows`.
        training_alone: beginnings of the names of parameters that no detection computes with.
        afterwards: what the detector does with the outputs, in numbers.
        module: what was traced, from inputs by name to outputs by name; None where the graph is
            put together of parts.
        changing: axes of its inputs as ``torch.export``'s ``dynamic_shapes``; None: none.
    """

    stated: ExportedGraph
    content: bytes
    reference: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]
    samples: Sequence[Sample]
    covers: tuple[str, ...]
    dynamic: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    periods: Mapping[str, tuple[int, float, str | None]] = field(default_factory=dict)
    rows_by: CommonRows | None = None
    training_alone: tuple[str, ...] = ()
    afterwards: Mapping[str, Any] = field(default_factory=dict)
    module: nn.Module | None = None
    changing: Mapping[str, Mapping[int, Any]] | None = None

    @property
    def name(self) -> str:
        """Of the file, without its ending."""
        return self.stated.name


def hold_to_statement(graph: Graph, inputs: Mapping[str, Sequence], outputs: Sequence[str],
                      domains: set[str], opset: int) -> None:
    """Refuse a graph that is not what its plug-in's contract says.

    Args:
        inputs: lengths of the axes of each input in the file; a word where they may change.
        outputs: names in the file.
        domains: of its operators, ONNX's own left out.
        opset: of ONNX's own operators in the file.

    Raises:
        PluginError: naming what differs.
    """
    stated = graph.stated
    _same_names(graph.name, 'input', inputs, stated.inputs)
    _same_names(graph.name, 'output', outputs, stated.outputs)
    if opset != stated.opset or domains != set(stated.domains):
        raise PluginError(f'the graph {graph.name} has opset {opset} and operators of '
                          f'{sorted(domains) or "no other domain"}, its contract says '
                          f'{stated.opset} and {sorted(stated.domains) or "none"}')
    for name, axes in inputs.items():
        pattern = next(each for each in stated.inputs if fnmatchcase(name, each))
        lengths = stated.inputs[pattern]
        changing = [axis for axis, length in enumerate(axes) if not isinstance(length, int)]
        said = [axis for axis, length in enumerate(lengths) if length in stated.dynamic]
        if changing != said or len(axes) != len(lengths):
            raise PluginError(f'the input {name} of the graph {graph.name} has the axes '
                              f'{list(axes)}, its contract says {list(lengths)}')


def _same_names(graph: str, kind: str, found: Mapping | Sequence[str],
                stated: Mapping[str, tuple]) -> None:
    unknown = [name for name in found if not any(fnmatchcase(name, each) for each in stated)]
    missing = [each for each in stated if '*' not in each and each not in found]
    if unknown or missing:
        raise PluginError(f'the graph {graph} has no {kind} {", ".join(missing) or "missing"} and '
                          f'{", ".join(unknown) or "none"} that its contract does not name')
