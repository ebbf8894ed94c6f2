"""Voxels, multiplications and CPU time of pruned sparse encoders beside dense and focal ones.

The encoders of the configs that are trained on a simulated drive in KITTI's layout, with random
weights of one seed, on its frames: those below the folder ``$SPARSE3D_SIMULATED_KITTI``, or drawn
sweeps. One thread; CPU seconds, which other programs on the machine change little.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from mmengine.registry import DefaultScope
from spconv.pytorch import SparseConvTensor
from torch import Tensor, nn

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from sparse3d.compat import spconv_cpu
from sparse3d.engine.load_config import load_config
from sparse3d.engine.timing import torch_threads
from sparse3d.models.detectors.voxel_backbone import VoxelBackbone
from sparse3d.ops import pruned_convolution
from sparse3d.ops.voxelization import mean_voxelize
from sparse3d.simulate.sweep import drawn_sweep
from sparse3d_benchmarks.sparse_convolution import cpu_time

CONFIGS = {
    'plain': 'centerpoint_simulated_kitti_car',
    '70 % kept': 'spsconv_centerpoint_keep70_simulated_kitti_car',
    '50 % kept': 'spsconv_centerpoint_simulated_kitti_car',
    '30 % kept': 'spsconv_centerpoint_keep30_simulated_kitti_car',
    '50 % kept, drawn': 'spsconv_centerpoint_random_simulated_kitti_car',
    'focal': 'focalsconv_centerpoint_simulated_kitti_car',
    'focal, 50 % kept': 'focalsconv_spsconv_centerpoint_simulated_kitti_car'}
FOLDER, FRAMES = 'SPARSE3D_SIMULATED_KITTI', 4


def run(threads: int = 1, repeats: int = 10) -> list[dict]:
    """Rows for every encoder; the baseline of each is the plain one."""
    clouds, source = frames()
    rows, plain = [], {}
    with torch_threads(1):
        for name, config in CONFIGS.items():
            encoder, given = encoder_of(config, clouds)
            sizes, operations = costs(encoder, given)
            note = (f'{len(given[0]):,} voxels of {source}, one thread, CPU time; voxels of the '
                    f'stages {sizes}; {operations / 1e6:,.0f} million multiplications; random '
                    f'weights; baseline: plain')
            for what, call in (('forward', forward), ('training step', step)):
                took = cpu_time(lambda encoder=encoder, given=given, call=call: call(
                    encoder, given), repeats)
                plain.setdefault(what, took)
                rows.append(dict(
                    name=f'{name}, {what}', value=took.milliseconds, unit='ms',
                    baseline=plain[what].milliseconds,
                    ratio=plain[what].median / took.median, note=note))
    return rows


def frames() -> tuple[list[Tensor], str]:
    """Clouds [N, 4] of one batch, and what they are."""
    folder = os.environ.get(FOLDER)
    paths = sorted(Path(folder).glob('training/velodyne/*.bin'))[:FRAMES] if folder else []
    if paths:
        return [torch.from_numpy(np.fromfile(path, '<f4').reshape(-1, 4)) for path in paths], \
            'frames of a simulated drive'
    return [drawn_sweep(seed)[:, :4].contiguous() for seed in range(FRAMES)], 'drawn sweeps'


def encoder_of(config: str, clouds: list[Tensor]) -> tuple[nn.Module, tuple]:
    """The middle encoder of a config, and features, coordinates and batch size for it."""
    model = load_config(config).model
    torch.manual_seed(0)
    detector = nn.Module()
    with DefaultScope.overwrite_default_scope('mmdet3d'):
        VoxelBackbone.build(detector, model.voxel_encoder, model.middle_encoder)
    layer = model.data_preprocessor.voxel_layer
    features, cells = [], []
    for sample, cloud in enumerate(clouds):
        mean, of_sample, _ = mean_voxelize(cloud, layer.voxel_size, layer.point_cloud_range)
        features.append(mean)
        cells.append(torch.nn.functional.pad(of_sample, (1, 0), value=sample))
    return detector.middle_encoder, (torch.cat(features), torch.cat(cells).int(), len(clouds))


def forward(encoder: nn.Module, given: tuple) -> None:
    """The map, without gradients."""
    encoder.eval()
    with torch.no_grad():
        encoder(*given)


def step(encoder: nn.Module, given: tuple) -> None:
    """Forward, backward and no update."""
    encoder.train().zero_grad(set_to_none=True)
    encoder(*given).square().mean().backward()


def costs(encoder: nn.Module, given: tuple) -> tuple[str, int]:
    """Voxels of each grid, finest first, and multiplications of a forward pass."""
    voxels: dict[tuple[int, ...], int] = {}

    def note(_: nn.Module, __: tuple, output: object) -> None:
        output = output[0] if isinstance(output, tuple) else output
        if isinstance(output, SparseConvTensor):
            voxels[tuple(output.spatial_shape)] = len(output.indices)

    hooks = [layer.register_forward_hook(note) for layer in encoder.modules()]
    try:
        with counted() as total:
            forward(encoder, given)
    finally:
        for hook in hooks:
            hook.remove()
    return ' '.join(f'{voxels[shape]:,}' for shape in sorted(voxels, reverse=True)), total()


@contextmanager
def counted() -> Iterator[Callable[[], int]]:
    """Count the multiplications of sparse convolutions for the length of a block."""
    places, total = (spconv_cpu, pruned_convolution), [0]
    convolve = spconv_cpu.sparse_convolution

    def count(features: Tensor, weight: Tensor, pairs, *args, **kwargs) -> Tensor:
        total[0] += sum(pairs.pairs.counts) * weight.shape[0] * weight.shape[-1]
        return convolve(features, weight, pairs, *args, **kwargs)

    try:
        for place in places:
            place.sparse_convolution = count
        yield lambda: total[0]
    finally:
        for place in places:
            place.sparse_convolution = convolve
