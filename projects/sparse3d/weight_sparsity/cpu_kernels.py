"""Products with sparse weights on a CPU, by what PyTorch offers: compressed rows and blocks.

PyTorch's CPU build has sparse-times-dense products for CSR and BSR matrices (through MKL where it
has it). oneDNN's and XNNPACK's sparse kernels, of which Fast Sparse ConvNets (CVPR 2020) uses the
second, cannot be reached from it. Whether they pay is measured:
``sparse3d benchmark weight_sparsity``.
"""
from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from sparse3d.errors import BackendUnavailable, ConfigError
from sparse3d.weight_sparsity.patterns import check_blocks

KERNELS = ('csr', 'bsr')


def compressed(weight: Tensor, kernel: str, block: tuple[int, int] = (4, 4)) -> Tensor:
    """A weight [out, in] as a sparse matrix of PyTorch.

    Raises:
        ConfigError: for an unknown kernel, or blocks that do not go into the weight.
    """
    _check_kernel(kernel)
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='Sparse')
        if kernel == 'csr':
            return weight.detach().to_sparse_csr()
        check_blocks(weight.shape, block)
        return weight.detach().to_sparse_bsr(block)


def _check_kernel(kernel: str) -> None:
    if kernel not in KERNELS:
        raise ConfigError(f'there is no sparse kernel {kernel!r}; use {" or ".join(KERNELS)}')


def sparse_times_columns(matrix: Tensor, columns: Tensor) -> Tensor:
    """[out, in] sparse times [in, N] dense: a 1x1 convolution whose channels come first.

    Raises:
        BackendUnavailable: if this build of PyTorch has no such product.
    """
    try:
        return matrix @ columns
    except (RuntimeError, NotImplementedError) as error:
        raise BackendUnavailable(f'PyTorch {torch.__version__} has no product with a '
                                 f'{matrix.layout} matrix here: {str(error).splitlines()[0]}'
                                 ) from error


class SparseLinear(nn.Module):
    """A linear layer with a sparse weight, for inference on a CPU.

    Args:
        layer: dense, with zeros.
        kernel: ``'csr'`` or ``'bsr'``.
        block: of ``'bsr'``.
    """

    def __init__(self, layer: nn.Linear, kernel: str = 'csr',
                 block: tuple[int, int] = (4, 4)) -> None:
        super().__init__()
        self.matrix = compressed(layer.weight, kernel, block)
        self.bias = None if layer.bias is None else layer.bias.detach()[:, None]
        self.out_features = layer.out_features

    def forward(self, features: Tensor) -> Tensor:
        """[..., in] -> [..., out]."""
        columns = features.detach().reshape(-1, features.shape[-1]).t()
        product = sparse_times_columns(self.matrix, columns)
        if self.bias is not None:
            product = product + self.bias
        return product.t().reshape(*features.shape[:-1], self.out_features)


class SparsePointwise(nn.Module):
    """A 1x1 convolution of stride 1 with a sparse weight, for inference on a CPU."""

    def __init__(self, layer: nn.Conv2d, kernel: str = 'csr',
                 block: tuple[int, int] = (4, 4)) -> None:
        super().__init__()
        if not is_plain_pointwise(layer):
            raise ConfigError(f'{layer} is no 1x1 convolution of stride 1 and one group')
        self.matrix = compressed(layer.weight.flatten(1), kernel, block)
        self.bias = None if layer.bias is None else layer.bias.detach()[:, None]

    def forward(self, features: Tensor) -> Tensor:
        """[M, in, H, W] -> [M, out, H, W]."""
        products = [sparse_times_columns(self.matrix, image.flatten(1))
                    for image in features.detach()]
        out = torch.stack(products) if products else features.new_zeros(
            0, self.matrix.shape[0], features.shape[2] * features.shape[3])
        if self.bias is not None:
            out = out + self.bias
        return out.unflatten(2, features.shape[2:])


def is_plain_pointwise(layer: nn.Module) -> bool:
    """Whether a layer is a matrix product at every place of a map."""
    return (isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1) and layer.groups == 1
            and layer.stride == (1, 1) and layer.padding in ((0, 0), 0, 'valid'))


def use_sparse_kernels(model: nn.Module, kernel: str = 'csr', min_sparsity: float = 0.9,
                       block: tuple[int, int] = (4, 4)) -> list[str]:
    """Put sparse layers in the place of those with many zeros, for inference on a CPU, in place.

    Layers that do not divide into blocks stay dense with ``'bsr'``.

    Args:
        min_sparsity: share of zeros from which on a layer is replaced; the benchmark says where it
            pays.

    Returns:
        names of the layers that were replaced.

    Raises:
        BackendUnavailable: if the model is not on the CPU.
        ConfigError: for an unknown kernel, or a single layer.
    """
    _check_kernel(kernel)
    if isinstance(model, nn.Linear | nn.Conv2d):
        raise ConfigError(f'{model} is a layer, and layers of a model are replaced; use '
                          f'SparseLinear or SparsePointwise')
    device = next(model.parameters(), torch.empty(0)).device
    if device.type != 'cpu':
        raise BackendUnavailable(f'these kernels are for CPUs; the model is on {device}')
    replaced = []
    for name, layer in list(model.named_modules()):
        plain = isinstance(layer, nn.Linear) and not isinstance(
            layer, NonDynamicallyQuantizableLinear)
        if not (plain or is_plain_pointwise(layer)):
            continue
        if (layer.weight == 0).float().mean().item() < min_sparsity:
            continue
        rows, columns = layer.weight.shape[:2]
        if kernel == 'bsr' and (rows % block[0] or columns % block[1]):
            continue
        kind = SparseLinear if plain else SparsePointwise
        model.set_submodule(name, kind(layer, kernel, block))
        replaced.append(name)
    return replaced

