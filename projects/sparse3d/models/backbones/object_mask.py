"""The mask that says where objects are in an image, drawn from rectangles."""
from __future__ import annotations

import math

import torch
from torch import Tensor

AT_THE_EDGE = 0.5  # of the mask where an ellipse in the rectangle ends
SMALL_AREA = 1600.0 / (1920 * 1080)  # share of the image; smaller objects weigh more


def mask_targets(objects: Tensor, image: tuple[int, int], shape: torch.Size) -> Tensor:
    """An ellipse in each rectangle that falls from 1 at the middle to one half at its edge.

    An object smaller than a cell has one cell all the same.

    Args:
        objects: [n, 5] number of the image, left, top, right, bottom in pixels.
        image: height and width in pixels.
        shape: M, h, w of the mask.

    Returns:
        [M, h, w]; where ellipses overlap, the highest counts.

    Source: ESOD (arXiv 2407.16424), section 3.2; masks of segmentation are not used.
    """
    values = _ellipses(objects, image, shape)
    values = values * (values >= AT_THE_EDGE)
    rows, columns = _cells_of_middles(objects, image, shape)
    values[torch.arange(len(objects), device=objects.device), rows, columns] = 1.0
    return _highest(objects, values, shape)


def mask_weights(objects: Tensor, image: tuple[int, int], shape: torch.Size) -> Tensor:
    """[M, h, w] weights of the cells: 1, more where small objects are.

    Args:
        objects, image, shape: as of :func:`mask_targets`.
    """
    left, top, right, bottom = objects[:, 1:].unbind(1)
    area = ((right - left) * (bottom - top) / (image[0] * image[1])).clamp(min=1e-9)
    more = 1 + 2 * (SMALL_AREA / area).clamp(min=1).log()
    inside = _ellipses(objects, image, shape) >= AT_THE_EDGE
    return _highest(objects, inside * more[:, None, None], shape).clamp(min=1)


def _ellipses(objects: Tensor, image: tuple[int, int], shape: torch.Size) -> Tensor:
    """[n, h, w]."""
    left, top, right, bottom = objects[:, 1:].unbind(1)
    across = _squares(left, right, shape[2], image[1] / shape[2])
    down = _squares(top, bottom, shape[1], image[0] / shape[1])
    return ((down[:, :, None] + across[:, None]) * math.log(AT_THE_EDGE)).exp()


def _squares(start: Tensor, end: Tensor, cells: int, stride: float) -> Tensor:
    """Squared distances [n, cells] of the cells from the middles, in half extents."""
    middles = (torch.arange(cells, device=start.device) + 0.5) * stride
    half = ((end - start) / 2).clamp(min=1e-3)
    return ((middles - (start + end)[:, None] / 2) / half[:, None]) ** 2


def _cells_of_middles(objects: Tensor, image: tuple[int, int], shape: torch.Size
                      ) -> tuple[Tensor, Tensor]:
    middle = (objects[:, 1:3] + objects[:, 3:]) / 2
    cells = middle / middle.new_tensor([image[1] / shape[2], image[0] / shape[1]])
    return (cells[:, 1].long().clamp(0, shape[1] - 1), cells[:, 0].long().clamp(0, shape[2] - 1))


def _highest(objects: Tensor, values: Tensor, shape: torch.Size) -> Tensor:
    """The highest of the values [n, h, w] of each image: [M, h, w], 0 where there is none."""
    number = objects[:, 0].long()[:, None, None].expand_as(values)
    return values.new_zeros(shape).scatter_reduce(0, number, values, 'amax')
