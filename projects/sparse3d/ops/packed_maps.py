"""Feature maps of several cameras as rows of channels, and weighted sums of the rows around points.

What deformable aggregation reads; its fast backend.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sparse3d.ops.cells import group_counts
from sparse3d.ops.constants import constant


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


def counts(points: Tensor) -> Tensor:
    """Where places [..., 2] lie strictly inside their image, [...] bool."""
    return ((points > 0) & (points < 1)).all(-1)


def aggregate_rows(packed: PackedMaps, points: Tensor, weights: Tensor, border: str) -> Tensor:
    """Weighted sums of the rows around what counts: most cameras see most points not.

    Args:
        points: [B, A, P, N, 2] as fractions of the image.
        weights: [B, A, P, N, L, G].
        border: see :func:`sparse3d.ops.deformable_aggregation.deformable_aggregation`.

    Returns:
        [B, A, C].
    """
    (batch, rows, channels), groups = packed.features.shape, weights.shape[-1]
    instances = points.shape[1]
    sizes = constant(packed.sizes, points, torch.long)                      # [N, L, 2]
    starts = constant(packed.starts, points, torch.long)                    # [N, L]
    sample, instance, point, camera = _seen(points.detach(), sizes, border).nonzero().unbind(1)
    read, shares = _corners(points[sample, instance, point, camera], sizes[camera],
                            starts[camera])                                 # [M, L, 4]
    read = (read + (sample * rows)[:, None, None]) * groups
    scales = weights[sample, instance, point, camera]                       # [M, L, G]
    bags = group_counts(sample * instances + instance, batch * instances)
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


def _corners(locations: Tensor, sizes: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and bilinear weights [M, L, 4] of the cells around locations [M, 2].

    Args:
        sizes: [M, L, 2] height and width of each level of the camera.
        starts: [M, L] its first row.
    """
    height, width = sizes.unbind(-1)                                        # [M, L]
    x, y = (locations[:, None, axis] * extent - 0.5 for axis, extent in ((0, width), (1, height)))
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
