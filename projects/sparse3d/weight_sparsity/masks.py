"""Masks of weights: kept outside of the model, applied to it, its optimizer and its averages."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from sparse3d.errors import CheckpointError
from sparse3d.weight_sparsity.patterns import is_two_of_four

KEY = 'weight_masks'  # in a checkpoint


class WeightMasks:
    """Which weights of a model stay, by the names of its parameters.

    The model keeps dense tensors with zeros, so that every checkpoint, export and average works as
    before.

    Args:
        masks: name of a parameter -> bool of its shape, True where it stays.
    """

    def __init__(self, masks: Mapping[str, Tensor]) -> None:
        self.masks = dict(masks)

    def __len__(self) -> int:
        return len(self.masks)

    def pairs(self, model: nn.Module) -> Iterator[tuple[nn.Parameter, Tensor]]:
        """Parameters of a model and their masks, on the parameter's device."""
        parameters = dict(model.named_parameters())
        for name, mask in self.masks.items():
            parameter = parameters[name]
            if mask.device != parameter.device:
                mask = self.masks[name] = mask.to(parameter.device)
            yield parameter, mask

    def check(self, model: nn.Module, source: str) -> None:
        """Refuse masks of another model.

        Raises:
            CheckpointError: naming the first that does not fit.
        """
        shapes = {name: value.shape for name, value in model.named_parameters()}
        for name, mask in self.masks.items():
            if shapes.get(name) != mask.shape:
                raise CheckpointError(f'{source}: the mask of {name} is {list(mask.shape)}, in the '
                                      f'model it is {list(shapes.get(name, ())) or "not there"}; '
                                      f'the masks are of another model')

    @torch.no_grad()
    def apply(self, model: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> None:
        """Set masked weights to zero, and what an optimizer remembers of them."""
        for parameter, mask in self.pairs(model):
            parameter.masked_fill_(~mask, 0)
            for value in (optimizer.state.get(parameter, {}) if optimizer else {}).values():
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    value.masked_fill_(~mask, 0)

    @torch.no_grad()
    def mask_gradients(self, model: nn.Module) -> None:
        """Set the gradients of masked weights to zero, before gradients are clipped."""
        for parameter, mask in self.pairs(model):
            if parameter.grad is not None:
                parameter.grad.masked_fill_(~mask, 0)

    def zeros(self) -> tuple[int, int]:
        """Masked weights, and all weights that have a mask."""
        return (sum(int((~mask).sum()) for mask in self.masks.values()),
                sum(mask.numel() for mask in self.masks.values()))

    @property
    def two_of_four(self) -> bool:
        """Whether there are masks, and all of them are 2:4."""
        return bool(self.masks) and all(map(is_two_of_four, self.masks.values()))

    def packed(self) -> dict[str, Any]:
        """Plain tensors for a checkpoint: eight weights in a byte."""
        return {name: dict(shape=list(mask.shape), bits=_pack(mask.cpu()))
                for name, mask in self.masks.items()}

    @classmethod
    def unpacked(cls, packed: Mapping[str, Any], source: str) -> WeightMasks:
        """Masks of :meth:`packed`.

        Raises:
            CheckpointError: if they are none.
        """
        try:
            return cls({name: _unpack(entry['bits'], entry['shape'])
                        for name, entry in packed.items()})
        except (TypeError, KeyError, AttributeError, RuntimeError, ValueError) as error:
            raise CheckpointError(f'{source}: its {KEY} cannot be read '
                                  f'({type(error).__name__}: {error})') from error


def _pack(mask: Tensor) -> Tensor:
    flat = mask.flatten().to(torch.uint8)
    flat = torch.cat([flat, flat.new_zeros(-len(flat) % 8)]).view(-1, 8)
    return (flat << torch.arange(8, dtype=torch.uint8)).sum(1).to(torch.uint8)


def _unpack(bits: Tensor, shape: list[int]) -> Tensor:
    number = int(torch.Size(shape).numel())
    flat = (bits[:, None] >> torch.arange(8, dtype=torch.uint8)) & 1
    return flat.flatten()[:number].bool().view(shape)
