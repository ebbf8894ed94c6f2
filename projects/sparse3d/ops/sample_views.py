"""Sampling of multi-view, multi-frame, multi-level image features at 3D points.

For detectors whose queries look into images: SparseBEV reads all frames and levels
with learned weights; one frame, one level or one group are the special cases.
"""
from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from sparse3d.ops.backends import choose_backend
from sparse3d.ops.choose_views import ChosenViews, choose_views
from sparse3d.ops.packed_views import PackedViews, corners_of_level, pack_views
from sparse3d.ops.weighted_rows import weighted_rows


def sample_views(
        features: Sequence[Tensor] | PackedViews,  # L x [B, T, N, C, H_l, W_l]
        points: Tensor,                            # [B, Q, T, P, 3]  meters, LiDAR frame of now
        level_weights: Tensor,                     # [B, Q, T, P, L]  sum to 1 over L
        lidar2img: Tensor,                         # [B, T, N, 4, 4]  to pixels of the padded image
        image_size: tuple[int, int],
        groups: int = 1,
        valid: Tensor | None = None,               # [B, T, N]  False: this image is missing
        published_view_choice: bool = False,
        published_alignment: bool = False,
        backend: str = 'auto',
) -> Tensor:                                       # [B, Q, T, P, C / groups]
    """Read each 3D point in the view that sees it best, over all levels.

    A point nobody sees gives zeros, and so do its gradients, whatever the features of the
    images are: those of a missing image may be NaN. Coordinates, depths and bilinear weights
    are computed in float32 whatever the dtype of the features.

    Args:
        features: or what :func:`~sparse3d.ops.packed_views.pack_views` made of them, for more
            than one reading.
        image_size: height and width in pixels that ``lidar2img`` projects to.
        groups: the points are ``groups`` equal runs; run g reads the g-th part of the
            channels.
        published_view_choice: see :func:`sparse3d.ops.choose_views.choose_views`.
        published_alignment: the released reading ``x * (width - 1)`` of a fraction of
            the width, up to half a cell beside the pixel it means.
        backend: ``'reference'`` (one gather for each level), ``'fast'`` (all levels and
            corners in one weighted sum, no intermediate; any device), ``'triton'`` (bilinear
            weights inside the kernel too; CUDA) or ``'auto'``, which is ``'fast'``.

    Raises:
        ValueError: if shapes do not fit together.
        BackendUnavailable: if a backend is asked for that is not there.

    Source: SparseBEV (ICCV 2023), section 3.3.
    """
    packed = features if isinstance(features, PackedViews) else pack_views(features, groups)
    if points.shape[3] % packed.groups or level_weights.shape[-1] != len(packed.sizes) \
            or level_weights.shape[:4] != points.shape[:4] \
            or lidar2img.shape[:3] != (packed.batch, packed.frames, packed.views) \
            or (points.shape[0], points.shape[2]) != (packed.batch, packed.frames):
        raise ValueError(
            f'points {tuple(points.shape)}, level weights {tuple(level_weights.shape)} and '
            f'lidar2img {tuple(lidar2img.shape)} do not fit features with {packed.batch} samples, '
            f'{packed.frames} frames, {packed.views} views, {len(packed.sizes)} levels and '
            f'{packed.groups} groups')
    chosen = choose_views(points, lidar2img, image_size, valid, published_view_choice)
    return read_views(packed, chosen, level_weights, published_alignment, backend)


def read_views(packed: PackedViews, chosen: ChosenViews, level_weights: Tensor,
               published_alignment: bool = False, backend: str = 'auto') -> Tensor:
    """Bilinear reading, zero outside the image, summed over the levels with their weights.

    Args:
        chosen: positions [B, Q, T, P, 2] as fractions of the image, views, weights.
        level_weights: [B, Q, T, P, L].

    Returns:
        [B, Q, T, P, C / groups] in the dtype of the features.
    """
    backend = choose_backend('sample_views', backend, {
        'fast': None, 'triton': _lack_of_triton(packed.table.device), 'reference': None})
    image = _image_index(packed, chosen)
    scales = level_weights.to(chosen.position.dtype) * chosen.weight[..., None]
    if backend == 'triton':
        return _fused(packed, image, chosen.position, scales, published_alignment)
    read = _gather_each_level if backend == 'reference' else _one_bag
    found = read(packed, image, chosen.position, scales, published_alignment)
    return found.reshape(*chosen.view.shape, packed.table.shape[1])


def _image_index(packed: PackedViews, chosen: ChosenViews) -> tuple[Tensor, Tensor]:
    """Number of the image among all, -1 for none, and the group, of each point [B, Q, T, P]."""
    view = chosen.view
    device, count = view.device, view.shape[3]
    sample = torch.arange(packed.batch, device=device)[:, None, None, None]
    frame = torch.arange(packed.frames, device=device)[:, None]
    group = torch.arange(count, device=device) // (count // packed.groups or 1)
    image = (sample * packed.frames + frame) * packed.views + view
    return image.masked_fill(chosen.weight == 0, -1), group


def _gather_each_level(packed: PackedViews, image: tuple[Tensor, Tensor], position: Tensor,
                       scales: Tensor, published_alignment: bool) -> Tensor:
    table: Tensor = packed.table
    total: Any = 0
    # Zero times NaN is NaN: what is not read is left out rather than multiplied by zero.
    is_read = (image[0] >= 0)[..., None, None]
    for level, size in enumerate(packed.sizes):
        rows, weights = corners_of_level(size, packed.level(level)[0], image, packed.groups,
                                         position, published_alignment)
        weights = (weights * scales[..., level, None])[..., None].to(table.dtype)
        total = total + (torch.where(is_read, table[rows], 0) * weights).sum(-2)
    return total


def _one_bag(packed: PackedViews, image: tuple[Tensor, Tensor], position: Tensor,
             scales: Tensor, published_alignment: bool) -> Tensor:
    """All levels and corners at once: a point is a bag of 4 L rows with weights."""
    table, device, levels = packed.table, position.device, len(packed.sizes)
    height, width = torch.tensor(packed.sizes, device=device).unbind(1)  # [L] each
    starts = torch.tensor([packed.level(level)[0] for level in range(levels)], device=device)
    left, right, share_left, share_right = _pair(position[..., :1], width, published_alignment)
    above, below, share_above, share_below = _pair(position[..., 1:], height, published_alignment)
    of_image = image[0].clamp(min=0)[..., None] * height
    above, below = (of_image + above) * width, (of_image + below) * width
    share_above, share_below = share_above * scales, share_below * scales
    rows = torch.stack([above + left, above + right, below + left, below + right], -1)
    weights = torch.stack([share_above * share_left, share_above * share_right,
                           share_below * share_left, share_below * share_right], -1)
    rows = rows * packed.groups + (image[1][:, None] + starts)[..., None]
    rows = torch.where((image[0] >= 0)[..., None, None], rows, len(table) - 1)
    return weighted_rows(table, rows.reshape(-1, 4 * levels),
                         weights.reshape(-1, 4 * levels).to(table.dtype), packed.shared)


def _pair(position: Tensor, size: Tensor, published_alignment: bool
          ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The two cells around a place along one axis, and their shares, zero outside; [..., L].

    Args:
        position: [..., 1] as fractions of the image.
        size: [L] cells of each level.
    """
    cell = position * (size - 1) if published_alignment else position * size - 0.5
    low = cell.detach().floor()
    share = cell - low
    first = ((low >= 0) & (low < size)) * (1 - share)
    second = ((low >= -1) & (low < size - 1)) * share
    low = low.long()
    last = size - 1
    return (torch.minimum(low.clamp(min=0), last), torch.minimum((low + 1).clamp(min=0), last),
            first, second)


def _lack_of_triton(device: torch.device) -> str | None:
    """What keeps the Triton kernel from running on a device, if anything does."""
    if device.type != 'cuda' and os.environ.get('TRITON_INTERPRET') != '1':
        return f'runs on CUDA, not on {device}'
    return None if _has_triton() else 'needs the triton package'


@cache
def _has_triton() -> bool:
    return find_spec('triton') is not None


def _fused(packed: PackedViews, image: tuple[Tensor, Tensor], position: Tensor, scales: Tensor,
           published_alignment: bool) -> Tensor:
    """The Triton kernel."""
    from sparse3d.ops.sample_views_triton import FusedReading
    table = packed.table
    shape = image[0].shape
    sizes = [(*size, packed.level(level)[0]) for level, size in enumerate(packed.sizes)]
    read = FusedReading.apply(
        table, position.flatten(0, -2), image[0].flatten(), image[1].expand(shape).flatten(),
        scales.flatten(0, -2), torch.tensor(sizes, device=table.device), packed.groups,
        published_alignment)
    return read.view(*shape, table.shape[1])
