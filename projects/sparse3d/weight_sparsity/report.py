"""What zeros in weights are worth: by layer, in products and in bytes."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from spconv.pytorch.conv import SparseConvolution
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from sparse3d.weight_sparsity.layers import Prunable
from sparse3d.weight_sparsity.masks import WeightMasks
from sparse3d.weight_sparsity.patterns import share_of_zeros

MIB = 1 << 20
MASKED_BEFORE = 'masked before'  # of a layer that is not among those to prune
# Products of PyTorch -> their arguments that may be a weight, each with its axis of outputs.
FACTORS = {
    torch.ops.aten.mm: ((0, 0), (1, 1)), torch.ops.aten.addmm: ((1, 0), (2, 1)),
    torch.ops.aten.convolution: ((1, 0), ), torch.ops.aten.linear: ((1, 0), )}


@dataclass(frozen=True)
class LayerReport:
    """One weight.

    Attributes:
        name: of the parameter.
        shape: of it.
        zeros: share of zeros.
        note: why it stays dense, or why PyTorch's 2:4 kernels do not take its 2:4 weight.
        products: multiplications of a measured frame; 0 if none was measured.
    """

    name: str
    shape: Sequence[int]
    zeros: float
    note: str
    products: int = 0


@dataclass(frozen=True)
class SparsityReport:
    """All weights that were looked at.

    Attributes:
        layers: in the model's order.
        parameters: of the whole model.
        zero_parameters: of these, how many are masked.
        products: multiplications of a frame by all linear layers and convolutions, 0 if not
            measured.
        two_of_four: whether every mask is 2:4.
    """

    layers: Sequence[LayerReport]
    parameters: int
    zero_parameters: int
    products: int = 0
    two_of_four: bool = False

    @property
    def saved_products(self) -> float:
        """Multiplications by zeros, of a measured frame."""
        return sum(layer.products * layer.zeros for layer in self.layers)

    def sizes(self) -> dict[str, float]:
        """MiB of all weights: dense in float32 and float16, with a bit for each masked weight and
        the others alone, and 2:4 as compressed (half of the values and two bits for each)."""
        masked = [layer for layer in self.layers if layer.zeros]
        with_mask = sum(_number(layer) for layer in masked)
        kept = self.parameters - self.zero_parameters
        of_two = self.parameters - with_mask + with_mask / 2
        return {'float32': self.parameters * 4 / MIB, 'float16': self.parameters * 2 / MIB,
                'float32, bit masks': (kept * 4 + with_mask / 8) / MIB,
                'float16, 2:4': (of_two * 2 + with_mask / 8) / MIB}

    def __str__(self) -> str:
        width = max((len(layer.name) for layer in self.layers), default=4)
        lines = [f'{layer.name:{width}s}  {"x".join(map(str, layer.shape)):>14s}  '
                 f'{100 * layer.zeros:5.1f} % zero  {layer.note}'.rstrip() for layer in self.layers]
        share = self.zero_parameters / max(self.parameters, 1)
        lines.append(f'{self.zero_parameters:,} of {self.parameters:,} weights of the model are '
                     f'zero ({100 * share:.1f} %)')
        lines.append('size in MiB: ' + ', '.join(
            f'{name} {value:.2f}' for name, value in self.sizes().items()
            if name != 'float16, 2:4' or self.two_of_four))
        if self.products:
            lines.append(f'multiplications of a frame in dense layers: '
                         f'{self.products / 1e9:.3f} G, '
                         f'{self.saved_products / 1e9:.3f} G of them by zeros '
                         f'({100 * self.saved_products / self.products:.1f} %)')
        return '\n'.join(lines)


def _number(layer: LayerReport) -> int:
    return int(torch.Size(layer.shape).numel())


def sparsity_report(model: nn.Module, layers: Sequence[Prunable], masks: WeightMasks,
                    batch: Any = None) -> SparsityReport:
    """The report of a model.

    Args:
        layers: those looked at, of :func:`~sparse3d.weight_sparsity.layers.weights_of_layers`.
        masks: of some of them; of others if they were masked before.
        batch: one collated sample to count multiplications of; None counts none.
    """
    counted = products_of_frame(model, batch) if batch is not None else {}
    pattern = masks.two_of_four
    notes = {layer.name: (layer.weight.shape, _note(layer, layer.name in masks.masks, pattern))
             for layer in layers}
    for name, mask in masks.masks.items():
        notes.setdefault(name, (mask.shape, MASKED_BEFORE))
    rows = [LayerReport(name, list(shape), share_of_zeros(masks.masks[name])
                        if name in masks.masks else 0.0, note, counted.get(name, 0))
            for name, (shape, note) in notes.items()]
    return SparsityReport(rows, sum(value.numel() for value in model.parameters()),
                          masks.zeros()[0], sum(counted.values()), pattern)


def _note(layer: Prunable, masked: bool, two_of_four: bool) -> str:
    if not masked:
        return f'dense: {layer.refused}'
    if layer.refused:
        return MASKED_BEFORE
    return f'no 2:4 kernel: {layer.kernel_lack}' if two_of_four and layer.kernel_lack else ''


def products_of_frame(model: nn.Module, batch: Any) -> dict[str, int]:
    """Multiplications of linear layers and convolutions by parameter, for one ``test_step``.

    Sparse convolutions and products of activations are not counted.
    """
    was = model.training
    model.eval()
    try:
        with torch.no_grad(), counted_products(model) as counts:
            model.test_step(batch)
    finally:
        model.train(was)
    return counts


@contextmanager
def counted_products(model: nn.Module) -> Iterator[dict[str, int]]:
    """Count multiplications of a model's weights, by the name of the parameter."""
    of_sparse = {id(layer.weight) for layer in model.modules()
                 if isinstance(layer, SparseConvolution)}
    owners = {value.untyped_storage().data_ptr(): name for name, value in model.named_parameters()
              if id(value) not in of_sparse}
    counts: dict[str, int] = {}
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # it hides its linear layers
    try:
        with _Counter(owners, counts):
            yield counts
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


class _Counter(TorchDispatchMode):
    """Looks below linear layers and attention, at the products that they are made of."""

    def __init__(self, owners: dict[int, str], counts: dict[str, int]) -> None:
        super().__init__()
        self.owners, self.counts = owners, counts

    def __torch_dispatch__(self, function: Any, types: Any, args: tuple = (),
                           kwargs: dict | None = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for place, axis_of_outputs in FACTORS.get(function.overloadpacket, ()):
            weight = args[place]
            owner = self.owners.get(weight.untyped_storage().data_ptr())
            if owner is not None:
                inputs = weight.numel() // max(weight.shape[axis_of_outputs], 1)
                self.counts[owner] = self.counts.get(owner, 0) + result.numel() * inputs
        return result
