"""Windows of the voxel grid, plain and shifted."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod

import torch
from torch import Tensor

from sparse3d.ops.cells import cell_keys


@dataclass(frozen=True)
class Window:
    """One window configuration of a stage; all triples in voxels, x, y, z.

    Attributes:
        shape: extent of a window.
        shift: by how much the windows move; ignored in z where one window spans the grid.
        grid: extent of the grid.
    """

    shape: tuple[int, int, int]
    shift: tuple[int, int, int]
    grid: tuple[int, int, int]

    @property
    def cells(self) -> int:
        """Number of voxels that fit into a window."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def windows(self) -> int:
        """Number of windows that a sample has room for."""
        return prod(windows_along(self, axis) for axis in range(3))


def partition_windows(
        coordinates: Tensor,  # [N, 4]  sample, z, y, x  integers
        window: Window,
) -> tuple[Tensor, Tensor]:   # [N] int64 number of the window, [N, 3] int64 z, y, x inside it
    """Find the window of each voxel and its place in it.

    Windows are numbered by sample, then x, y, z; each axis has room for
    ceil(grid / window) + 1 of them.

    Source: DSVT (CVPR 2023), section 3.2; numbering as in the released code.
    """
    shift = list(window.shift)
    if window.shape[2] >= window.grid[2]:
        shift[2] = 0
    sample, z, y, x = coordinates.t().to(torch.int64, memory_format=torch.contiguous_format)
    place, inside = [sample], []
    for axis, cell in enumerate((x, y, z)):
        moved = cell + shift[axis]                                      # never negative
        along = moved.div(window.shape[axis], rounding_mode='trunc')
        inside.append(moved - along * window.shape[axis])
        place.append(along)
    number = cell_keys(place, [windows_along(window, axis) for axis in range(3)])
    return number, torch.stack(inside[::-1]).t()


def windows_along(window: Window, axis: int) -> int:
    """Windows that an axis (0, 1, 2 for x, y, z) has room for, wherever they begin."""
    return ceil(window.grid[axis] / window.shape[axis]) + 1


def position_in_window(
        inside: Tensor,          # [N, 3]  z, y, x inside the window
        shape: Sequence[int],    # x, y, z
        first: str,              # 'x' or 'y'
) -> Tensor:                     # [N] int64
    """Rank of a place inside the window along x first, then y, then z, or along y first."""
    z, y, x = inside.unbind(1)
    outer, inner, width = (x, y, shape[1]) if first == 'x' else (y, x, shape[0])
    return cell_keys((outer, inner, z), (width, shape[2]))
