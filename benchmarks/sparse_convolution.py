"""A whole sparse encoder on a full sweep at 0.075 m against spconv's own CPU operators.

The encoder is that of CenterPoint on nuScenes (21 convolutions, 5 to 128 channels). spconv runs
with one thread, the only number with which its CPU operators are right. Rows of one thread count
CPU time, which neighbors on the machine change little; those of several count the clock's.
"""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmdet3d.models.middle_encoders import SparseEncoder
from spconv.core import ConvAlgo
from spconv.pytorch.conv import SparseConvolution, SparseConvolutionBase
from torch import Tensor

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from sparse3d.engine.timing import Timing, measure, torch_threads
from sparse3d.ops import sparse_convolution
from sparse3d.ops.compiled_kernels import lack
from sparse3d.ops.sparse_blocks import blocks_of
from sparse3d.ops.sparse_compiled import lists_of
from sparse3d.ops.sparse_pairs import PairTable, strided_pairs, submanifold_pairs
from sparse3d.ops.voxelization import mean_voxelize
from sparse3d_benchmarks.sweep import full_sweep
from sparse3d_benchmarks.voxelization import RANGE, VOXEL_SIZE

SPARSE_SHAPE = [41, 1440, 1440]
OURS = dict(original=False)  # of a row: its baseline is another way of ours


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for forward, training step and pair tables; see :mod:`sparse3d_benchmarks`."""
    points, name = full_sweep()
    features, coordinates, _ = mean_voxelize(points, VOXEL_SIZE, RANGE)
    coordinates = torch.nn.functional.pad(coordinates, (1, 0))  # [M, 4]  sample, z, y, x
    encoder = centerpoint_encoder()
    given = features, coordinates, 1
    sizes = f'{len(features):,} voxels of a {name}'
    with torch.no_grad():
        rows = _forward_rows(encoder, given, sizes, threads, repeats)
        rows += _one_thread_rows(encoder, given, sizes, repeats)
    with torch_threads(threads):
        step = measure(lambda: training_step(encoder, given), repeats)
    with torch_threads(1):
        alone = cpu_time(lambda: training_step(encoder, given), repeats)
        with way('fast'):
            before = cpu_time(lambda: training_step(encoder, given), repeats)
    return [*rows,
            _row('sparse encoder, forward and backward', step,
                 f'{sizes}, {threads} threads; spconv cannot'),
            _row('sparse encoder, forward and backward, one thread', alone,
                 f"{sizes}; CPU time; the 'fast' backend in plain PyTorch", before)
            | OURS]


def _forward_rows(encoder: SparseEncoder, given: tuple, sizes: str, threads: int,
                  repeats: int) -> list[dict]:
    """Time on the clock with all threads, beside spconv's and beside one thread."""
    with torch_threads(threads):
        ours, result = measure(lambda: encoder(*given), repeats), encoder(*given)
    with torch_threads(1):
        alone, single = measure(lambda: encoder(*given), repeats), encoder(*given)
        with spconv_operators():
            theirs, expected = measure(lambda: encoder(*given), repeats), encoder(*given)
    difference = ((result - expected).abs().max() / expected.abs().max()).item()
    same = 'same bits' if torch.equal(result, single) else 'OTHER bits'
    return [
        _row('sparse encoder, forward', ours, f'{sizes}, {threads} threads; spconv with 1 thread; '
             f'largest relative difference {difference:.0e}', theirs),
        _row('sparse encoder, forward, all threads', ours,
             f'{sizes}, {threads} threads; one thread; {same}', alone) | OURS]


def _one_thread_rows(encoder: SparseEncoder, given: tuple, sizes: str,
                     repeats: int) -> list[dict]:
    """CPU time with one thread: beside spconv, the bare matrix products, other backends."""
    coordinates, note = given[1], f'{sizes}; CPU time'
    products = matrix_products(encoder, given)
    with torch_threads(1):
        ours = cpu_time(lambda: encoder(*given), repeats)
        floor = cpu_time(products, repeats)
        pairs = cpu_time(lambda: build_tables(coordinates), repeats)
        with way('fast'):
            fast = cpu_time(lambda: encoder(*given), repeats)
        with spconv_operators():
            theirs = cpu_time(lambda: encoder(*given), repeats)
    share = 100 * pairs.median / ours.median
    return [
        _row('sparse encoder, forward, one thread', ours, f'{note}; spconv', theirs),
        _row('sparse encoder beside its matrix products', ours, f'{note}; torch.mm alone, on rows '
             'that were gathered before', floor) | OURS,
        _row('sparse encoder beside plain PyTorch', ours, f"{note}; the 'fast' backend", fast)
        | OURS,
        _row('its pair tables alone', pairs, f'{note}, {share:.1f} % of the encoder')]


def cpu_time(function: Callable[[], Any], repeats: int) -> Timing:
    """What the process computes in a call: other programs on the machine change it little."""
    return measure(function, repeats, clock=time.process_time)


@contextmanager
def way(backend: str) -> Iterator[None]:
    """Run sparse convolutions by a named backend for the length of a block."""
    before = dict(sparse_convolution.WAYS)
    sparse_convolution.WAYS.update(dict.fromkeys(before, before[backend]))
    try:
        yield
    finally:
        sparse_convolution.WAYS.update(before)


def matrix_products(encoder: SparseEncoder, given: tuple) -> Callable[[], None]:
    """The encoder's products of matrices and nothing else: rows gathered, outputs there."""
    products = []

    def record(features: Tensor, weight: Tensor, pairs: PairTable) -> Tensor:
        for count, matrix in zip(pairs.pairs.counts, weight.permute(1, 2, 0), strict=True):
            if count:
                rows = torch.randn(count, weight.shape[2])
                products.append((rows, matrix, torch.empty(count, weight.shape[0])))
        return recorded(features, weight, pairs)

    before = dict(sparse_convolution.WAYS)
    recorded = before['fast']
    sparse_convolution.WAYS.update(dict.fromkeys(before, record))
    try:
        encoder(*given)
    finally:
        sparse_convolution.WAYS.update(before)

    def multiply() -> None:
        for rows, matrix, target in products:
            torch.mm(rows, matrix, out=target)
    return multiply


def centerpoint_encoder() -> SparseEncoder:
    """mmdet3d's encoder for voxels of 0.075 m with random, evaluated batch normalization."""
    torch.manual_seed(0)
    encoder = SparseEncoder(
        in_channels=5, sparse_shape=SPARSE_SHAPE, output_channels=128, block_type='basicblock',
        encoder_channels=((16, 16, 32), (32, 32, 64), (64, 64, 128), (128, 128)),
        encoder_paddings=((0, 0, 1), (0, 0, 1), (0, 0, [0, 1, 1]), (0, 0)))
    for module in encoder.modules():
        if isinstance(module, SparseConvolution):
            module.algo = ConvAlgo.Native  # what spconv's CPU wheel has
    return encoder.eval()


def build_tables(coordinates: Tensor) -> None:
    """Every pair table of the encoder, from the voxels' coordinates."""
    shape = SPARSE_SHAPE
    for padding in ((1, 1, 1), (1, 1, 1), (0, 1, 1), None):
        tables = [submanifold_pairs(coordinates, shape, (3, 3, 3))]
        if padding is not None:
            tables.append(strided_pairs(
                coordinates, shape, (3, 3, 3), (2, 2, 2), padding, (1, 1, 1)))
        for table in tables:
            if lack() is None:
                lists_of(table)
            else:
                blocks_of(table, 32, 32)
        coordinates, shape = tables[-1].output_coordinates, tables[-1].output_shape


def training_step(encoder: SparseEncoder, given: tuple) -> None:
    """Forward, backward and no update."""
    encoder.zero_grad()
    encoder(*given).square().sum().backward()


@contextmanager
def spconv_operators() -> Iterator[None]:
    """Run spconv's modules with their own operators for the length of a block."""
    repaired = SparseConvolutionBase._conv_forward
    SparseConvolutionBase._conv_forward = repaired.upstream
    try:
        yield
    finally:
        SparseConvolutionBase._conv_forward = repaired


def _row(name, timing, note, baseline=None) -> dict:
    return dict(name=name, value=timing.milliseconds, unit='ms',
                baseline=baseline and baseline.milliseconds,
                ratio=baseline and baseline.median / timing.median, note=note)
