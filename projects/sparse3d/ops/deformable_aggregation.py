"""Deformable aggregation: a weighted sum of image features at the key points of each instance.

Every instance has P key points; each is read in all cameras and on all levels of the feature
pyramid, and the readings are summed with one weight for each group of channels. A key point in a
camera counts only where it lies strictly inside the image; what bilinear interpolation reads
beyond the border cells is zero.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sparse3d.ops.backends import choose_backend

BORDERS = ('inside', 'cells')


@dataclass(frozen=True)
class PackedMaps:
    """Feature maps as rows of channels: made once, read by every layer of a decoder.

    Attributes:
        features: [B, S, C]; camera by camera, then level, y, x.
        sizes: height and width of each level, for each camera; cameras may differ.
    """

    features: Tensor
    sizes: tuple[tuple[tuple[int, int], ...], ...]

    @property
    def cameras(self) -> int:
        """Number N of cameras."""
        return len(self.sizes)

    @property
    def levels(self) -> int:
        """Number L of levels."""
        return len(self.sizes[0])

    @property
    def starts(self) -> tuple[tuple[int, ...], ...]:
        """First row of each level, for each camera."""
        starts, row = [], 0
        for levels in self.sizes:
            of_camera = []
            for height, width in levels:
                of_camera.append(row)
                row += height * width
            starts.append(tuple(of_camera))
        return tuple(starts)

    def map_of(self, camera: int, level: int) -> Tensor:
        """The map [B, C, H, W] of one camera and level."""
        height, width = self.sizes[camera][level]
        start = self.starts[camera][level]
        rows = self.features[:, start:start + height * width]
        return rows.transpose(1, 2).unflatten(2, (height, width))


def pack_maps(maps: Sequence[Tensor]) -> PackedMaps:
    """Bring feature maps L x [B, N, C, H_l, W_l] into rows.

    Raises:
        ValueError: if the levels do not share B, N and C.
    """
    shared = {tuple(level.shape[:3]) for level in maps}
    if len(shared) != 1 or any(level.dim() != 5 for level in maps):
        raise ValueError('the levels must be [B, N, C, H, W] and share B, N and C, '
                         f'not {[tuple(level.shape) for level in maps]}')
    rows = torch.cat([level.flatten(3).transpose(2, 3) for level in maps], 2)  # [B, N, S/N, C]
    sizes = tuple((level.shape[3], level.shape[4]) for level in maps)
    return PackedMaps(rows.flatten(1, 2), (sizes,) * rows.shape[1])


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
        maps: or what :func:`pack_maps` made of them, for more than one reading.
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

    Source: Sparse4D v2 (arXiv 2305.14018), section 3.2.
    """
    packed = maps if isinstance(maps, PackedMaps) else pack_maps(maps)
    _check(packed, points, weights, border)
    backend = choose_backend('deformable_aggregation', backend, {
        'fast': None, 'triton': _lack_of_triton(packed.features.device), 'reference': None})
    run: dict[str, Callable] = {
        'reference': _each_map, 'fast': _places_that_count, 'triton': _fused}
    kind = torch.promote_types(points.dtype, torch.float32)
    found = run[backend](packed, points.to(kind), weights.to(kind), border)
    return found.to(packed.features.dtype)


def counts(points: Tensor) -> Tensor:
    """Where places [..., 2] lie strictly inside their image, [...] bool."""
    return ((points > 0) & (points < 1)).all(-1)


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


def _places_that_count(packed: PackedMaps, points: Tensor, weights: Tensor, border: str) -> Tensor:
    """Weighted sums of the rows around the places that count: most cameras see most points not."""
    (batch, rows, channels), groups = packed.features.shape, weights.shape[-1]
    instances, device = points.shape[1], points.device
    sizes = torch.tensor(packed.sizes, device=device)                       # [N, L, 2]
    starts = torch.tensor(packed.starts, device=device)                     # [N, L]
    sample, instance, point, camera = _seen(points.detach(), sizes, border).nonzero().unbind(1)
    read, shares = _corners(points[sample, instance, point, camera], sizes[camera],
                            starts[camera])                                 # [M, L, 4]
    read = (read + (sample * rows)[:, None, None]) * groups
    scales = weights[sample, instance, point, camera]                       # [M, L, G]
    bags = torch.bincount(sample * instances + instance, minlength=batch * instances)
    offsets = (bags.cumsum(0) - bags) * read[0].numel() if len(read) else bags
    table = packed.features.to(points.dtype).reshape(-1, channels // groups)
    found = [F.embedding_bag((read + group).flatten(), table, offsets, mode='sum',
                             per_sample_weights=(shares * scales[..., group, None]).flatten())
             for group in range(groups)]
    return torch.stack(found, 1).view(batch, instances, channels)


def _seen(points: Tensor, sizes: Tensor, border: str) -> Tensor:
    """Which places [B, A, P, N] are read at all."""
    if border == 'inside':
        return counts(points)
    beyond = 0.5 / sizes.amin(1).flip(-1)                                   # [N, 2] x, y
    return ((points > -beyond) & (points < 1 + beyond)).all(-1)


def _corners(readings: Tensor, sizes: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and bilinear weights [M, L, 4] of the cells around readings [M, 2].

    Args:
        sizes: [M, L, 2] height and width of each level of the place's camera.
        starts: [M, L] its first row.
    """
    height, width = sizes.unbind(-1)                                        # [M, L]
    x, y = (readings[:, None, axis] * extent - 0.5 for axis, extent in ((0, width), (1, height)))
    low_x, low_y = x.detach().floor(), y.detach().floor()
    rows, shares = [], []
    for step_y in (0, 1):
        for step_x in (0, 1):
            at_x, at_y = low_x + step_x, low_y + step_y
            inside = (at_x >= 0) & (at_x < width) & (at_y >= 0) & (at_y < height)
            along_x = x - low_x if step_x else 1 - (x - low_x)
            along_y = y - low_y if step_y else 1 - (y - low_y)
            rows.append(torch.where(inside, at_y.long() * width + at_x.long(), 0) + starts)
            shares.append(along_x * along_y * inside)
    return torch.stack(rows, -1), torch.stack(shares, -1)


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
