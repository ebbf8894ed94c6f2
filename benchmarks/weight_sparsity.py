"""Layers with sparse weights against dense ones, at the sizes of our models.

On the CPU: products with CSR and BSR matrices of PyTorch against its dense GEMM, weights of 70 to
95 % zeros, single ones and blocks of 4 x 4; and from which share of zeros on each kernel pays. Rows
count CPU time of one thread. On a GPU: 2:4 weights in NVIDIA's compressed form; on a CPU that is a
row that says why it was not measured.
"""
from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sparse3d.engine.timing import Timing, measure, torch_threads
from sparse3d.errors import BackendUnavailable
from sparse3d.weight_sparsity.compress import SemiStructuredLinear, compression_lack
from sparse3d.weight_sparsity.cpu_kernels import compressed, sparse_times_columns
from sparse3d.weight_sparsity.patterns import largest, two_of_four

SHARES = (0.7, 0.8, 0.9, 0.95)
BLOCK = (4, 4)


@dataclass(frozen=True)
class Layer:
    """A matrix product of a model.

    Attributes:
        name: of the layer.
        rows: outputs.
        columns: inputs.
        calls: columns of the activations: voxels, queries or pixels.
        channels_first: activations are [in, calls], as of a convolution; else [calls, in].
    """

    name: str
    rows: int
    columns: int
    calls: int
    channels_first: bool = False


LAYERS = (
    Layer('DSVT, first of the feed-forward network', 384, 192, 12000),
    Layer('DSVT, second of the feed-forward network', 192, 384, 12000),
    Layer('SparseBEV, feed-forward network', 512, 256, 900),
    Layer('SparseBEV, output of the mixing', 256, 32768, 900),
    Layer('Sparse4D, feed-forward network', 1024, 256, 900),
    Layer('ResNet-50, stage 3, 1x1', 256, 1024, 16 * 44, True),
    Layer('ResNet-50, stage 1, 1x1', 64, 256, 64 * 176, True),
)


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows of every layer, kernel and share; see :mod:`sparse3d_benchmarks`."""
    rows = []
    with torch.no_grad(), torch_threads(1):
        for layer in LAYERS:
            rows += cpu_rows(layer, repeats)
        rows += gpu_rows(repeats)
    return rows


def cpu_rows(layer: Layer, repeats: int) -> list[dict]:
    """Each kernel at each share, and from where on it pays."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(layer.rows, layer.columns, generator=generator)
    shape = (layer.columns, layer.calls) if layer.channels_first else (layer.calls, layer.columns)
    given = torch.randn(shape, generator=generator)
    dense = cpu_time(dense_of(layer, weight, given), repeats)
    rows = []
    for kernel, block in (('csr', (1, 1)), ('bsr', BLOCK)):
        pays = None
        for share in SHARES:
            sparse = weight * largest(weight, share, block)
            try:
                timing = cpu_time(sparse_of(layer, compressed(sparse, kernel, block), given),
                                  repeats)
            except BackendUnavailable as error:
                rows.append(dict(name=f'{layer.name}, {kernel}', value=0.0, unit='ms',
                                 note=f'not measured: {error}'))
                break
            ratio = dense.median / timing.median
            pays = share if ratio > 1 and pays is None else pays if ratio > 1 else None
            rows.append(dict(
                name=f'{layer.name}, {_kind(kernel, block)}, {100 * share:.0f} % zeros',
                value=timing.milliseconds, unit='ms', baseline=dense.milliseconds, ratio=ratio,
                note=f'{_sizes(layer)}; CPU time, one thread; dense GEMM'))
        else:
            rows.append(dict(
                name=f'{layer.name}, {_kind(kernel, block)}, pays from',
                value=100 * (pays or 1), unit='% zeros',
                note=f'{_sizes(layer)}; '
                     + ('at none of the measured shares' if pays is None else
                        'faster than dense at this share and all above it')))
    return rows


def dense_of(layer: Layer, weight: Tensor, given: Tensor) -> Callable[[], Tensor]:
    """The dense product in the layout of the layer."""
    return (lambda: weight @ given) if layer.channels_first else (lambda: F.linear(given, weight))


def sparse_of(layer: Layer, matrix: Tensor, given: Tensor) -> Callable[[], Tensor]:
    """The sparse product; of rows it comes out as columns and is turned, as a layer has to."""
    if layer.channels_first:
        return lambda: sparse_times_columns(matrix, given)
    return lambda: sparse_times_columns(matrix, given.t()).t().contiguous()


def gpu_rows(repeats: int) -> list[dict]:
    """2:4 weights compressed, in half precision, against dense ones."""
    lack = compression_lack('cuda' if torch.cuda.is_available() else 'cpu')
    if lack:
        return [dict(name='2:4 compressed', value=0.0, unit='ms',
                     note=f'not measured: {lack}')]
    rows = []
    for layer in LAYERS:
        linear = nn.Linear(layer.columns, layer.rows, device='cuda').half()
        linear.weight.data.mul_(two_of_four(linear.weight))
        given = torch.randn(layer.calls, layer.columns, device='cuda').half()
        sparse = SemiStructuredLinear(linear)
        difference = (sparse(given) - linear(given)).abs().max().item()
        dense, ours = (measure(partial(each, given), repeats) for each in (linear, sparse))
        rows.append(dict(
            name=f'{layer.name}, 2:4 compressed', value=ours.milliseconds, unit='ms',
            baseline=dense.milliseconds, ratio=dense.median / ours.median,
            note=f'{_sizes(layer)}; float16; dense; largest difference {difference:.1e}'))
    return rows


def cpu_time(function: Callable[[], object], repeats: int) -> Timing:
    """What the process computes in a call: other programs on the machine change it little."""
    return measure(function, repeats, clock=time.process_time)


def _kind(kernel: str, block: tuple[int, int]) -> str:
    return kernel.upper() if block == (1, 1) else f'{kernel.upper()} of {block[0]} x {block[1]}'


def _sizes(layer: Layer) -> str:
    what = 'pixels' if layer.channels_first else 'rows'
    return f'{layer.columns} -> {layer.rows}, {layer.calls:,} {what}'
