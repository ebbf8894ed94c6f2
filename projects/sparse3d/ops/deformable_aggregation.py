"""Deformable aggregation: a weighted sum of image features at the key points of each instance.

Every instance has P key points; each is read in all cameras and on all levels of the feature
pyramid, and the readings are summed with one weight for each group of channels. A key point in a
camera counts only where it lies strictly inside the image; what bilinear interpolation reads
beyond the border cells is zero.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sparse3d.ops.backends import choose_backend
from sparse3d.ops.packed_maps import PackedMaps, aggregate_rows, counts, pack_maps

BORDERS = ('inside', 'cells')


def deformable_aggregation(
        maps: Sequence[Tensor] | PackedMaps,  # L x [B, N, C, H_l, W_l]
        points: Tensor,                       # [B, A, P, N, 2]  x, y as fractions of the image
        weights: Tensor,                      # [B, A, P, N, L, G]
        border: str = 'inside',
        backend: str = 'auto',
) -> Tensor:                                  # [B, A, C]
    """Sum what all key points of an instance read, in all cameras and on all levels.

    Channel c is weighted by group ``c // (C / G)``. A place x, y is the pixel ``x * W - 0.5``,
    ``y * H - 0.5`` of a level; cells outside count as zero. Places and weights are taken in
    float32 whatever the dtype of the features. Gradients reach features, points and weights.

    Args:
        maps: or what :func:`~sparse3d.ops.packed_maps.pack_maps` made of them, for more than one
            reading.
        border: ``'inside'``: a place counts where 0 < x < 1 and 0 < y < 1, as in the released
            CUDA kernel; ``'cells'``: wherever a cell is near, up to half a cell outside, as
            ``grid_sample`` does.
        backend: ``'reference'`` (``grid_sample``, camera by camera and level by level),
            ``'fast'`` (only the places that count, in weighted sums of rows; any device),
            ``'triton'`` (one program for each instance; CUDA) or ``'auto'``, which is
            ``'fast'``.

    Raises:
        ValueError: if shapes do not fit together, or for an unknown border.
        BackendUnavailable: if a backend is asked for that is not there.

    Source: Sparse4D v2 (arXiv 2305.14018), section 3.3.
    """
    packed = maps if isinstance(maps, PackedMaps) else pack_maps(maps)
    _check(packed, points, weights, border)
    backend = choose_backend('deformable_aggregation', backend, {
        'fast': None, 'triton': _lack_of_triton(packed.features.device), 'reference': None})
    run: dict[str, Callable] = {
        'reference': _each_map, 'fast': aggregate_rows, 'triton': _fused}
    kind = torch.promote_types(points.dtype, torch.float32)
    found = run[backend](packed, points.to(kind), weights.to(kind), border)
    return found.to(packed.features.dtype)


def _check(packed: PackedMaps, points: Tensor, weights: Tensor, border: str) -> None:
    if border not in BORDERS:
        raise ValueError(f'border is {border!r}; use one of {", ".join(BORDERS)}')
    batch, rows, channels = packed.features.shape
    cells = sum(height * width for levels in packed.sizes for height, width in levels)
    groups = weights.shape[-1]
    if points.shape[0] != batch or points.shape[-2:] != (packed.cameras, 2) or cells != rows \
            or weights.shape != (*points.shape[:-1], packed.levels, groups) or channels % groups:
        raise ValueError(
            f'points {tuple(points.shape)} and weights {tuple(weights.shape)} do not fit features '
            f'{tuple(packed.features.shape)} of {packed.cameras} cameras and {packed.levels} '
            f'levels with {cells} cells')


def _each_map(packed: PackedMaps, points: Tensor, weights: Tensor, border: str) -> Tensor:
    """The reference: one ``grid_sample`` for each camera and level."""
    batch, instances = points.shape[:2]
    channels, groups = packed.features.shape[2], weights.shape[-1]
    total = points.new_zeros(batch, instances, groups, channels // groups)
    for camera in range(packed.cameras):
        places = points[:, :, :, camera]                                    # [B, A, P, 2]
        shares = weights[:, :, :, camera]                                   # [B, A, P, L, G]
        if border == 'inside':
            inside = counts(places)
            # A place far outside overflows inside grid_sample; it counts for nothing.
            places = torch.where(inside[..., None], places, 0.0)
            shares = shares * inside[..., None, None]
        for level in range(packed.levels):
            read = F.grid_sample(packed.map_of(camera, level).to(places.dtype), places * 2 - 1,
                                 align_corners=False)                       # [B, C, A, P]
            total = total + torch.einsum('bgcap,bapg->bagc', read.unflatten(1, (groups, -1)),
                                         shares[:, :, :, level])
    return total.flatten(2)


def _fused(packed: PackedMaps, points: Tensor, weights: Tensor, border: str) -> Tensor:
    """The Triton kernel."""
    from sparse3d.ops.deformable_aggregation_triton import FusedAggregation
    device = points.device
    sizes = torch.tensor(packed.sizes, device=device)
    starts = torch.tensor(packed.starts, device=device)
    where = torch.cat([sizes, starts[..., None]], -1)                       # [N, L, 3]
    return FusedAggregation.apply(packed.features, points.float(), weights.float(), where,
                                  border == 'inside')


def _lack_of_triton(device: torch.device) -> str | None:
    """What keeps the Triton kernel from running on a device, if anything does."""
    if device.type != 'cuda' and os.environ.get('TRITON_INTERPRET') != '1':
        return f'runs on CUDA, not on {device}'
    return None if _has_triton() else 'needs the triton package'


@cache
def _has_triton() -> bool:
    return find_spec('triton') is not None
