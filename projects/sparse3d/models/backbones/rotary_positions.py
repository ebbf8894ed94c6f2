"""Rotary position embedding of a grid of image patches."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BASE = 10000.0


def grid_angles(rows: Tensor, columns: Tensor, width: int) -> Tensor:
    """Angles [H, W, width]: the first half turns with the row, the second with the column.

    Args:
        rows, columns: positions [H] and [W].
        width: channels of a head.
    """
    frequencies = BASE ** (-torch.arange(0, width // 2, 2).float() / (width // 2))
    down = (rows[:, None] * frequencies).repeat_interleave(2, -1)
    across = (columns[:, None] * frequencies).repeat_interleave(2, -1)
    size = (len(rows), len(columns), -1)
    return torch.cat([down[:, None].expand(size), across[None].expand(size)], -1)


def rotary_tables(grid: tuple[int, int], width: int, trained: int, length: int = 16,
                  published_resize: bool = False) -> tuple[Tensor, Tensor]:
    """Cosine and sine [H*W, width] for a grid of any size.

    Args:
        trained: side of the square grid that the backbone was trained with.
        length: that side in units of the angles.
        published_resize: as published: the tables of the trained grid, resized bicubically,
            instead of the cosine and sine of the places between its nodes.

    Source: EVA-02 (arXiv 2303.11331); SparseBEV's released code.
    """
    unit = length / trained
    if published_resize and grid != (trained, trained):
        places = torch.arange(trained) * unit
        angles = grid_angles(places, places, width).permute(2, 0, 1)[None]
        return tuple(F.interpolate(table, grid, mode='bicubic')[0].flatten(1).t().contiguous()
                     for table in (angles.cos(), angles.sin()))
    places = [((torch.arange(side) + 0.5) * trained / side - 0.5) * unit for side in grid]
    angles = grid_angles(*places, width).flatten(0, 1)
    return angles.cos(), angles.sin()


def rotate(features: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn pairs of channels of [..., tokens, width] by the tables [tokens, width]."""
    even, odd = features.float().unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack([-odd, even], -1).flatten(-2)
    return (features * cosine + turned * sine).to(features.dtype)
