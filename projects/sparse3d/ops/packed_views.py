"""Image features as rows of channels, and which rows a position in an image reads."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse3d.ops.weighted_rows import SharedGradient, rows_of_maps


@dataclass(frozen=True)
class PackedViews:
    """Image features as rows of channels: made once, read in every decoder pass.

    Attributes:
        table: [rows + 1, C / groups]; level by level, then batch, frame, view, y, x, group.
            The last row is zero: what a point reads that nobody sees.
        sizes: height and width of each level.
        batch, frames, views, groups: the other axes.
        shared: gathers the gradients of all readings, see :mod:`sparse3d.ops.weighted_rows`.
    """

    table: Tensor
    sizes: tuple[tuple[int, int], ...]
    batch: int
    frames: int
    views: int
    groups: int
    shared: SharedGradient | None = None

    def level(self, index: int) -> tuple[int, int]:
        """First row and end of a level in the table."""
        per_cell = self.batch * self.frames * self.views * self.groups
        cells = [height * width for height, width in self.sizes]
        start = per_cell * sum(cells[:index])
        return start, start + per_cell * cells[index]


def pack_views(features: Sequence[Tensor], groups: int = 1) -> PackedViews:
    """Bring features L x [B, T, N, C, H_l, W_l] into rows that a point can read at once.

    Args:
        groups: the channels are split into so many equal parts, each with points of its own.

    Raises:
        ValueError: if the levels do not share B, T, N and C, or C does not split.
    """
    shared = {tuple(level.shape[:4]) for level in features}
    if len(shared) != 1 or any(level.dim() != 6 for level in features):
        raise ValueError('the levels must be [B, T, N, C, H, W] and share B, T, N and C, '
                         f'not {[tuple(level.shape) for level in features]}')
    batch, frames, views, channels = shared.pop()
    if channels % groups:
        raise ValueError(f'{channels} channels do not split into {groups} groups')
    sizes = tuple((level.shape[4], level.shape[5]) for level in features)
    gradient = SharedGradient()
    table = rows_of_maps(features, groups, gradient)
    return PackedViews(table, sizes, batch, frames, views, groups,
                       gradient if table.grad_fn is not None else None)


def corners_of_level(size: tuple[int, int], start: int, image: tuple[Tensor, Tensor],
                     groups: int, position: Tensor, published_alignment: bool
                     ) -> tuple[Tensor, Tensor]:
    """Rows and bilinear weights [..., 4] of the four cells around each point.

    Args:
        size: height and width of the level.
        start: its first row in the table.
        image: number of the image, -1 for none, and of the group of each point, [...]. Without
            an image the rows are those of image 0, not to be read.
        position: [..., 2] as fractions of the image.
    """
    height, width = size
    extent = position.new_tensor([width, height])
    cell = position * (extent - 1) if published_alignment else position * extent - 0.5
    low = cell.detach().floor()
    share = cell - low                                              # [..., 2] x, y
    rows, weights = [], []
    for step_y in (0, 1):
        for step_x in (0, 1):
            x, y = low[..., 0] + step_x, low[..., 1] + step_y
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            along_x = share[..., 0] if step_x else 1 - share[..., 0]
            along_y = share[..., 1] if step_y else 1 - share[..., 1]
            x, y = x.clamp(0, width - 1).long(), y.clamp(0, height - 1).long()
            rows.append(((image[0].clamp(min=0) * height + y) * width + x) * groups + image[1])
            weights.append(along_x * along_y * inside)
    return torch.stack(rows, -1) + start, torch.stack(weights, -1)
