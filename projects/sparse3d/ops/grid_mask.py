"""Squares of a regular grid erased from images, as augmentation."""
from __future__ import annotations

import numpy as np
import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn


def square_grid(
        height: int, width: int,
        period: int,                # pixels
        offset: tuple[int, int],    # rows, columns; 0..period-1
        ratio: float = 0.5,
) -> np.ndarray:                    # (height, width) bool, True is kept
    """The mask: stripes along both axes are kept, the squares between them erased.

    The grid is laid out on 1.5 times the image and cut from its middle, and stripes are
    only complete periods, as in the released code.

    Args:
        ratio: width of a stripe as a part of the period.

    Source: GridMask (arXiv 2001.04086), as in SparseBEV (ICCV 2023), released code.
    """
    stripe = min(max(int(period * ratio + 0.5), 1), period - 1)
    kept = [_in_stripe(length, period, start, stripe)
            for length, start in zip((height, width), offset, strict=True)]
    return kept[0][:, None] | kept[1][None]


def _in_stripe(length: int, period: int, start: int, stripe: int) -> np.ndarray:
    laid_out = int(1.5 * length)
    place = np.arange(length) + (laid_out - length) // 2 - start
    return (place >= 0) & (place % period < stripe) & (place // period < laid_out // period)


@MODELS.register_module()
class GridMask(nn.Module):
    """Erase squares from normalized, padded images [M, 3, H, W]: one mask for all, at random.

    In evaluation images pass unchanged. The period is drawn from 2 to H - 1 pixels.

    Args:
        probability: of a mask.
        ratio: see :func:`square_grid`.
    """

    def __init__(self, probability: float = 0.7, ratio: float = 0.5) -> None:
        super().__init__()
        self.probability, self.ratio = probability, ratio

    def forward(self, images: Tensor) -> Tensor:
        """Mask the images of a batch alike."""
        height, width = images.shape[-2:]
        if not self.training or height < 3 or np.random.rand() > self.probability:
            return images
        period = np.random.randint(2, height)
        mask = square_grid(height, width, period, tuple(np.random.randint(period, size=2)),
                           self.ratio)
        return images * torch.from_numpy(mask).to(images)
