"""2:4 weights in NVIDIA's compressed form, for inference on a GPU."""
from __future__ import annotations

import warnings

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from sparse3d.errors import BackendUnavailable
from sparse3d.weight_sparsity.layers import LINEAR, READ_BY_ATTENTION, kernel_lack
from sparse3d.weight_sparsity.patterns import is_two_of_four

CAPABILITY = (8, 0)


def compression_lack(device: torch.device | str) -> str:
    """Why 2:4 weights cannot be compressed on a device, or an empty text."""
    device = torch.device(device)
    if device.type != 'cuda':
        return (f'2:4 kernels are for NVIDIA GPUs of compute capability 8.0 or more; the model is '
                f'on {device.type}')
    found = torch.cuda.get_device_capability(device)
    if found < CAPABILITY:
        return f'2:4 kernels need compute capability 8.0, this GPU has {found[0]}.{found[1]}'
    return ''


class SemiStructuredLinear(nn.Module):
    """A linear layer of compressed 2:4 weights; it computes in float16."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.filterwarnings('ignore', message='The PyTorch API of SparseSemiStructured')
            self.weight = torch.sparse.to_sparse_semi_structured(
                layer.weight.detach().half().contiguous())
        self.bias = None if layer.bias is None else layer.bias.detach().half()

    def forward(self, features: Tensor) -> Tensor:
        """[..., in] -> [..., out]."""
        rows = features.half().flatten(0, -2)
        return F.linear(rows, self.weight, self.bias).to(features.dtype).unflatten(
            0, features.shape[:-1])


def compress(model: nn.Module) -> dict[str, str]:
    """Put linear layers whose weights are 2:4 into compressed form, in place.

    Only for inference: a compressed model is neither saved nor trained. Layers that are not 2:4,
    have other sizes than the kernels take, or whose weights an attention reads itself, stay.

    Returns:
        name of the layer -> why it was not compressed, an empty text where it was.

    Raises:
        BackendUnavailable: on a CPU, or an older GPU, with the reason.

    Source: torch.sparse.to_sparse_semi_structured.
    """
    device = next(model.parameters(), torch.empty(0)).device
    lack = compression_lack(device)
    if lack:
        raise BackendUnavailable(f'{lack}; the model works there with its zeros, at the time of a '
                                 f'dense one')
    told: dict[str, str] = {}
    linear = [(name, layer) for name, layer in model.named_modules()
              if isinstance(layer, nn.Linear)]
    for name, layer in linear:
        told[name] = why_not_compressed(layer)
        if not told[name]:
            model.set_submodule(name, SemiStructuredLinear(layer))
    return told


def why_not_compressed(layer: nn.Linear) -> str:
    """What keeps a linear layer dense, or an empty text."""
    if isinstance(layer, NonDynamicallyQuantizableLinear):
        return READ_BY_ATTENTION
    lack = kernel_lack(layer.weight, LINEAR)
    if lack:
        return lack
    return '' if is_two_of_four(layer.weight) else 'not 2:4'
