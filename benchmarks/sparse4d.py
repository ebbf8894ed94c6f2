"""Deformable aggregation against grid_sample and the released way without its kernel."""
from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from sparse3d.engine.timing import Timing, measure
from sparse3d.ops.deformable_aggregation import deformable_aggregation
from sparse3d.ops.packed_maps import counts, pack_maps
from sparse3d.structures.cameras import Cameras
from sparse3d_benchmarks.peak_memory import peak_mebibytes
from sparse4d.aggregation import places_in_images
from sparse4d.onnx_export import CAMERAS, ring_of_cameras

INSTANCES, POINTS, GROUPS, CHANNELS, STRIDES = 900, 13, 8, 256, (4, 8, 16, 32)
IMAGE, HALF = (256, 704), (128, 352)


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for the aggregation; see :mod:`sparse3d_benchmarks.run`."""
    few = min(repeats, 3)
    inputs, half = _Inputs(IMAGE), _Inputs(HALF)
    note = f'{INSTANCES} instances, {POINTS} points, {CAMERAS} cameras, {len(STRIDES)} levels, '
    rows = []
    with torch.no_grad():
        apart = (inputs.fast() - inputs.reference()).abs().max().item()
        rows.append(_row('deformable aggregation, forward', inputs.fast, inputs.reference, few,
                         f'{note}{_size(IMAGE, threads)}; against grid_sample for each camera and '
                         f'level; largest difference {apart:.1e}'))
        rows.append(_row('deformable aggregation, against the released way', inputs.fast,
                         inputs.all_at_once, few,
                         f'{note}{_size(IMAGE, threads)}; against all readings at once, then '
                         f'weighted: the released way without its CUDA kernel'))
        peaks = peak_mebibytes(inputs.fast), peak_mebibytes(inputs.all_at_once)
        rows.append(dict(name='deformable aggregation, peak memory', value=peaks[0], unit='MiB',
                         baseline=peaks[1], ratio=peaks[1] / max(peaks[0], 1e-9),
                         note=f'{note}{_size(IMAGE, threads)}; against the released way'))
    half.require_gradients()
    rows.append(_row('deformable aggregation, forward and backward', _backward(half.fast),
                     _backward(half.reference), few,
                     f'{note}{_size(HALF, threads)}; against grid_sample'))
    return rows


class _Inputs:
    """Maps of all levels, key points around the car, cameras all around; batch 1."""

    def __init__(self, image: tuple[int, int]) -> None:
        random = torch.Generator().manual_seed(0)
        self.maps = [torch.randn(1, CAMERAS, CHANNELS, image[0] // stride, image[1] // stride,
                                 generator=random) for stride in STRIDES]
        spread = torch.tensor([25.0, 25.0, 1.0])
        points = torch.randn(1, INSTANCES, 1, 3, generator=random) * spread
        points = points + torch.randn(1, INSTANCES, POINTS, 3, generator=random)
        matrices = torch.from_numpy(ring_of_cameras(image)).float()[None]
        self.locations = places_in_images(points, Cameras.of_matrices(matrices, image))
        shape = (1, INSTANCES, POINTS, CAMERAS, len(STRIDES), GROUPS)
        self.weights = torch.rand(shape, generator=random)
        self.packed = pack_maps(self.maps)

    def require_gradients(self) -> None:
        """For training."""
        for value in (self.packed.features, self.locations, self.weights):
            value.requires_grad_()

    def fast(self) -> Tensor:
        return deformable_aggregation(self.packed, self.locations, self.weights, backend='fast')

    def reference(self) -> Tensor:
        return deformable_aggregation(self.packed, self.locations, self.weights,
                                      backend='reference')

    def all_at_once(self) -> Tensor:
        return weighted_readings(self.maps, self.locations, self.weights)


def weighted_readings(maps: list[Tensor], locations: Tensor, weights: Tensor) -> Tensor:
    """What the aggregation gives, all readings [B, A, P, N, L, C] first, then weighted and summed.

    Args:
        maps: L x [B, N, C, H_l, W_l].
        locations, weights: see
            :func:`sparse3d.ops.deformable_aggregation.deformable_aggregation`.

    Source: Sparse4D's released code without its CUDA kernel, described in words; with the
    kernel's border.
    """
    batch, instances, points, cameras, _ = locations.shape
    inside = counts(locations)
    at = torch.where(inside[..., None], locations, 0.0).permute(0, 3, 1, 2, 4).flatten(0, 1) * 2 - 1
    read = torch.stack([F.grid_sample(level.flatten(0, 1), at, align_corners=False)
                        for level in maps], 1)                      # [B * N, L, C, A, P]
    read = read.view(batch, cameras, len(maps), -1, instances, points)
    read = read.permute(0, 4, 5, 1, 2, 3)                           # [B, A, P, N, L, C]
    weights = weights * inside[..., None, None]
    weighted = read.unflatten(-1, (weights.shape[-1], -1)) * weights[..., None]
    return weighted.sum((2, 3, 4)).flatten(2)


def _backward(forward: Callable[[], Tensor]) -> Callable[[], None]:
    return lambda: forward().square().mean().backward()


def _row(name: str, ours: Callable, baseline: Callable, repeats: int, note: str) -> dict:
    timings: list[Timing] = [measure(function, repeats, warmup=1) for function in (ours, baseline)]
    return dict(name=name, value=timings[0].milliseconds, unit='ms',
                baseline=timings[1].milliseconds, ratio=timings[1].median / timings[0].median,
                note=note)


def _size(image: tuple[int, int], threads: int) -> str:
    return f'images of {image[1]} x {image[0]}, {threads} threads'
