"""A whole sparse encoder on a full sweep at 0.075 m against spconv's own CPU operators.

The encoder is that of CenterPoint on nuScenes (21 convolutions, 5 to 128 channels). spconv runs
with one thread, the only number with which its CPU operators are right.
"""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmdet3d.models.middle_encoders import SparseEncoder
from spconv.core import ConvAlgo
from spconv.pytorch.conv import SparseConvolution, SparseConvolutionBase
from torch import Tensor

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from sparse3d.engine.timing import measure, torch_threads
from sparse3d.ops.sparse_blocks import blocks_of
from sparse3d.ops.sparse_pairs import strided_pairs, submanifold_pairs
from sparse3d.ops.voxelization import mean_voxelize
from sparse3d_benchmarks.sweep import full_sweep
from sparse3d_benchmarks.voxelization import RANGE, VOXEL_SIZE

SPARSE_SHAPE = [41, 1440, 1440]


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for forward, training step and pair tables; see :mod:`sparse3d_benchmarks`."""
    points, name = full_sweep()
    features, coordinates, _ = mean_voxelize(points, VOXEL_SIZE, RANGE)
    coordinates = torch.nn.functional.pad(coordinates, (1, 0))  # [M, 4]  sample, z, y, x
    encoder = centerpoint_encoder()
    given = features, coordinates, 1
    note = f'{len(features):,} voxels of a {name}, {threads} threads'
    with torch.no_grad(), torch_threads(threads):
        ours, result = measure(lambda: encoder(*given), repeats), encoder(*given)
    with torch.no_grad(), torch_threads(1), spconv_operators():
        theirs, expected = measure(lambda: encoder(*given), repeats), encoder(*given)
    difference = ((result - expected).abs().max() / expected.abs().max()).item()
    with torch_threads(threads):
        pairs = measure(lambda: build_tables(coordinates), repeats)
        step = measure(lambda: training_step(encoder, given), repeats)
    return [
        _row('sparse encoder, forward', ours, f'{note}; spconv with 1 thread; largest relative '
             f'difference {difference:.0e}', theirs),
        _row('its pair tables alone', pairs, note),
        _row('sparse encoder, forward and backward', step, f'{note}; spconv cannot')]


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
