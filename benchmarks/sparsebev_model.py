"""SparseBEV's decoder, packing of maps included, beside the released way of sampling."""
from __future__ import annotations

import torch
from torch import Tensor

from sparse3d_benchmarks import sparsebev
from sparse3d_benchmarks.side_by_side import SideBySide
from sparse3d_benchmarks.sparsebev import CHANNELS, FRAMES, GROUPS, IMAGE, QUERIES, STRIDES
from sparse3d_benchmarks.sparsebev_grid_sample import regroup
from sparsebev.ring_of_cameras import CAMERAS, ring_of_cameras

MOST_REPEATS = 3


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for all six passes, from feature maps to boxes and classes."""
    return comparison().rows(min(repeats, MOST_REPEATS))


def comparison(image: tuple[int, int] = IMAGE) -> SideBySide:
    """The published head on drawn maps."""
    random = torch.Generator().manual_seed(0)
    maps = [torch.randn(1, FRAMES * CAMERAS, CHANNELS, image[0] // stride, image[1] // stride,
                        generator=random).requires_grad_() for stride in STRIDES]
    head = sparsebev.sparsebev_model().bbox_head
    views = ring_of_cameras(FRAMES, image)

    def ours() -> Tensor:
        found = head(maps, views)
        return torch.cat([found['codes'], found['logits']], -1)

    def original() -> Tensor:
        pack = head.pack
        head.pack = lambda maps, _: regroup(maps, FRAMES, GROUPS)
        try:
            with sparsebev.published_sampling():
                return ours()
        finally:
            head.pack = pack

    note = (f'six passes, {image[1]} x {image[0]}, {FRAMES} frames, {CAMERAS} cameras, {QUERIES} '
            'queries, batch 1; released: grid_sample in three dimensions for each level')
    return SideBySide('SparseBEV decoder', ours, original, [*maps, *head.parameters()], note)
