"""Windows left out of a Swin-T and patches left out of a ResNet-50, at 256 x 704 on this machine.

All rows of a backbone come from one run, one image, random weights: what is left out costs the same
whatever the weights say. Rows of one thread count CPU time.
"""
from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import torch
from mmdet.models.backbones.swin import SwinTransformer
from mmdet3d.registry import MODELS
from torch import Tensor

from sparse3d.engine.timing import Timing, measure, torch_threads
from sparse3d.models.backbones import sparse_swin
from sparse3d.models.backbones.object_seeking import ObjectSeeking
from sparse3d.models.backbones.sparse_swin import SparseSwin

IMAGE = (256, 704)
UNIFORM = (0.2, 0.4, 0.6, 0.8)
PUBLISHED = {
    '.3; 0; .1 .2 .2; 0': [[.3] * 2, [0] * 2, [.1, .1, .2, .2, .2, .2], [0] * 2],
    '.6; 0; .2 .4 .5; 0': [[.6] * 2, [0] * 2, [.2, .2, .4, .4, .5, .5], [0] * 2],
    '.7; 0; .2 .4 .5; 0': [[.7] * 2, [0] * 2, [.2, .2, .4, .4, .5, .5], [0] * 2]}
SHARES = (1.0, 0.5, 0.25, 0.0)
RESNET = dict(type='mmdet.ResNet', depth=50, out_indices=(0, 1, 2, 3), norm_eval=True)


@torch.no_grad()
def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows of both backbones; see :mod:`sparse3d_benchmarks`."""
    torch.manual_seed(0)
    few = min(repeats, 5)
    with torch_threads(1):
        return [*swin_rows(IMAGE, few), *patch_rows(IMAGE, few)]


def swin_rows(image: tuple[int, int], repeats: int, **shape: Any) -> list[dict]:
    """Time of a Swin against the ratio of windows that all, or published, blocks leave out."""
    model, images = SparseSwin(**shape).eval(), torch.randn(1, 3, *image)
    theirs = SwinTransformer(**shape)
    theirs.load_state_dict(model.state_dict())
    theirs.eval()
    dense, upstream = cpu_time(model, images, repeats), cpu_time(theirs, images, repeats)
    macs = model.block_macs(image)
    size = f'{image[0]} x {image[1]}, one image'
    rows = [_row('Swin-T dense', dense, f"{size}; {macs / 1e9:.2f} G multiplications in blocks; "
                 f"mmdet's Swin", upstream)]
    settings = {f'{ratio:g} of all windows': [[ratio] * depth for depth in model.depths]
                for ratio in UNIFORM}
    if model.depths == [2, 2, 6, 2]:
        settings |= {f'published {name}': ratios for name, ratios in PUBLISHED.items()}
    for name, ratios in settings.items():
        model.set_ratios(ratios)
        share = 100 * model.block_macs(image) / macs
        pruned, moved = cpu_time(model, images, repeats), moving_time(model, images, repeats)
        part = 100 * moved.median / pruned.median
        rows.append(_row(f'Swin-T without {name}', pruned, f'{size}; {share:.0f} % of the '
                         f"multiplications in blocks; scores, gather and scatter take "
                         f'{part:.1f} %; dense', dense))
    return rows


def moving_time(model: SparseSwin, images: Tensor, repeats: int) -> Timing:
    """Of the blocks that leave windows out: scores, ranking, gather and scatter, without the rest.

    Each block runs with its layers taken out: what is left moves the windows.
    """
    given: list[tuple] = []
    blocks = SparseSwin._blocks

    def noted(backbone: SparseSwin, *rest: Any) -> Tensor:
        given.append(rest)
        return blocks(backbone, *rest)
    with mock.patch.object(SparseSwin, '_blocks', noted):
        model(images)

    def move() -> None:
        for stage, features, size, ratios, *rest in given:
            if any(ratios):
                blocks(model, stage, features, size, ratios, *rest)
    with mock.patch.object(sparse_swin, 'on_windows', only_moved), \
            mock.patch.object(sparse_swin.SwinBlock, 'forward', lambda block, x, size: x):
        return measure(move, repeats, clock=time.process_time)


def only_moved(block: Any, features: Tensor, rows: Tensor, *_: Any) -> Tensor:
    """Gather and scatter of :func:`on_windows` alone."""
    flat, rows = features.flatten(0, 1), rows.flatten()
    with_padding = torch.cat([flat, flat.new_zeros(1, flat.shape[1])])
    return with_padding.index_copy(0, rows, with_padding[rows])[:-1].view(features.shape)


def patch_rows(image: tuple[int, int], repeats: int, net: dict | None = None) -> list[dict]:
    """Time of a ResNet against the share of patches that its last two stages see."""
    net = net or RESNET
    model, images = ObjectSeeking(net).eval(), torch.randn(1, 3, *image)
    plain = MODELS.build(net)
    plain.eval()
    dense = cpu_time(plain, images, repeats)
    rows = []
    for share in SHARES:
        kept = keeping(share)
        with mock.patch.object(ObjectSeeking, '_kept', kept):
            model.count_anew()
            found = cpu_time(model, images, repeats)
        rows.append(_row(f'ResNet-50, {share:.0%} of the patches', found,
                         f'{image[0]} x {image[1]}, one image, patches of 64 x 64 pixels, objects '
                         f'sought at stride 8, {100 * model.share_of_patches:.0f} % kept; the '
                         f'ResNet alone', dense))
    return rows


def keeping(share: float) -> Callable:
    """In place of what is sought: an evenly spread share of the patches."""
    def kept(model: ObjectSeeking, mask: Tensor, wanted: Any, images: Tensor, grid: Any) -> Tensor:
        down, across = grid.counts
        number = torch.arange(down * across)
        spread = ((number + 1) * share).floor() > (number * share).floor()
        return spread.view(1, down, across).expand(len(images), -1, -1)
    return kept


def cpu_time(model: Callable[[Tensor], Any], images: Tensor, repeats: int) -> Timing:
    """CPU time of a call."""
    return measure(lambda: model(images), repeats, 1, clock=time.process_time)


def _row(name: str, found: Timing, note: str, baseline: Timing) -> dict:
    return dict(name=name, value=found.milliseconds, unit='ms', baseline=baseline.milliseconds,
                ratio=baseline.median / found.median,
                note=f'{note}; spread {1e3 * found.iqr:.1f} ms')
