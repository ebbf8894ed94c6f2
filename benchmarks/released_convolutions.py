"""Sparse convolutions as released code has them on a CPU: spconv's own, and what stands in for
their gradients, which spconv lacks there."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from spconv.core import ConvAlgo
from spconv.pytorch import SparseConvTensor
from spconv.pytorch.conv import SparseConvolution
from torch import Tensor, nn

from sparse3d_benchmarks.sparse_convolution import spconv_operators, way

NOTE = ('spconv (with gradients, which it lacks on a CPU: its way of gather, multiply and scatter '
        'for each kernel offset, in PyTorch)')


@contextmanager
def released_convolutions() -> Iterator[None]:
    """For the length of a block; right with one thread."""
    with way('reference') if torch.is_grad_enabled() else spconv_operators():
        yield


def for_spconv(model: nn.Module) -> nn.Module:
    """The model with the algorithm that spconv's CPU wheel has."""
    for module in model.modules():
        if isinstance(module, SparseConvolution):
            module.algo = ConvAlgo.Native
    return model


def flat(outputs: Any) -> Tensor:
    """All floating tensors of nested outputs, one after the other; sparse ones in the order of
    their cells."""
    return torch.cat([part.flatten() for part in _tensors(outputs)])


def _tensors(outputs: Any) -> Iterator[Tensor]:
    if isinstance(outputs, Tensor):
        if outputs.is_floating_point():
            yield outputs
    elif isinstance(outputs, SparseConvTensor):
        yield outputs.features[in_order(outputs.indices)]
    elif is_dataclass(outputs):
        for field in fields(outputs):
            yield from _tensors(getattr(outputs, field.name))
    elif isinstance(outputs, Mapping):
        for value in outputs.values():
            yield from _tensors(value)
    elif isinstance(outputs, Sequence) and not isinstance(outputs, str):
        for value in outputs:
            yield from _tensors(value)


def in_order(cells: Tensor) -> Tensor:
    """Rows of integer cells [N, D] in the order of their coordinates."""
    order = torch.arange(len(cells), device=cells.device)
    for column in reversed(range(cells.shape[1])):
        order = order[cells[order, column].argsort(stable=True)]
    return order
