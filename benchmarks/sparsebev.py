"""Sampling, decoder and video against the released way of computing them, at published sizes."""
from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from unittest.mock import patch

import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor

from sparse3d.engine.load_config import find_config
from sparse3d.engine.timing import Timing, measure
from sparse3d.ops.packed_views import pack_views
from sparse3d.ops.sample_views import sample_views
from sparse3d_benchmarks.peak_memory import peak_mebibytes
from sparse3d_benchmarks.sparsebev_grid_sample import regroup, sample_by_grid
from sparsebev import spatio_temporal_sampling
from sparsebev.published_checkpoint import SAMPLING_AS_PUBLISHED
from sparsebev.ring_of_cameras import CAMERAS, ring_of_cameras

CONFIG = 'sparsebev_r50_400q_nuscenes'
FRAMES, GROUPS, POINTS, QUERIES = 8, 4, 4, 400
IMAGE, HALF = (256, 704), (128, 352)
STRIDES, CHANNELS = (4, 8, 16, 32), 256
PUBLISHED = dict(published_view_choice=True, published_alignment=True)


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for sampling, one decoder pass and a video; see :mod:`sparse3d_benchmarks.run`."""
    few = min(repeats, 3)
    rows = [_sampling_row(IMAGE, few, threads, backward=False),
            _sampling_row(HALF, few, threads, backward=True)]
    rows += [_sampling_memory_row(threads), _training_memory_row(threads)]
    return rows + [_decoder_row(few, threads), _video_row(threads)]


class _Inputs:
    """Maps of all levels, points around the car, cameras all around; batch 1."""

    def __init__(self, image: tuple[int, int]) -> None:
        random = torch.Generator().manual_seed(0)
        self.image = image
        self.maps = [torch.randn(1, FRAMES * CAMERAS, CHANNELS, image[0] // stride,
                                 image[1] // stride, generator=random) for stride in STRIDES]
        spread = torch.tensor([25.0, 25.0, 1.0])
        count = GROUPS * POINTS
        self.points = torch.randn(1, QUERIES, 1, count, 3, generator=random) * spread
        self.points = self.points.expand(-1, -1, FRAMES, -1, -1).contiguous()
        self.weights = torch.rand(1, QUERIES, FRAMES, count, len(STRIDES),
                                  generator=random).softmax(-1)
        self.views = ring_of_cameras(FRAMES, image)

    def ours(self, packed) -> Tensor:
        return sample_views(packed, self.points, self.weights, self.views.lidar2img, self.image,
                            **PUBLISHED)

    def published(self, regrouped) -> Tensor:
        return sample_by_grid(regrouped, self.points, self.weights, self.views.lidar2img,
                              self.image, GROUPS)


def _sampling_row(image: tuple[int, int], repeats: int, threads: int, backward: bool) -> dict:
    inputs = _Inputs(image)
    packed = pack_views([level.unflatten(1, (FRAMES, CAMERAS)) for level in inputs.maps], GROUPS)
    regrouped = regroup(inputs.maps, FRAMES, GROUPS)
    inputs.maps.clear()
    with torch.no_grad():
        apart = (inputs.ours(packed) - inputs.published(regrouped)).abs().max().item()
    ours, published = (lambda: inputs.ours(packed)), (lambda: inputs.published(regrouped))
    if backward:
        for value in (packed.table, *regrouped, inputs.points, inputs.weights):
            value.requires_grad_()
        ours, published = _with_backward(ours), _with_backward(published)
    with torch.set_grad_enabled(backward):
        timings = measure(ours, repeats, warmup=1), measure(published, repeats, warmup=1)
    what = 'forward and backward' if backward else 'forward'
    return _row(f'sampling, {what}', *timings,
                f'{_sizes(image, threads)}; grid_sample in three dimensions for each level; '
                f'largest difference {apart:.1e}')


def _sampling_memory_row(threads: int) -> dict:
    """What sampling needs beside the features, forward."""
    inputs = _Inputs(HALF)
    packed = pack_views([level.unflatten(1, (FRAMES, CAMERAS)) for level in inputs.maps], GROUPS)
    regrouped = regroup(inputs.maps, FRAMES, GROUPS)
    with torch.no_grad():
        ours = peak_mebibytes(lambda: inputs.ours(packed))
        published = peak_mebibytes(lambda: inputs.published(regrouped))
    return _memory_row('sampling, peak memory', ours, published,
                       f'{_sizes(HALF, threads)}; grid_sample for each level')


def _training_memory_row(threads: int) -> dict:
    """Forward and backward of all six passes, with the parts checkpointed and without."""
    head = sparsebev_model().bbox_head.train()
    inputs = _Inputs(HALF)
    maps = [level.requires_grad_() for level in inputs.maps]
    peaks = []
    for with_checkpoint in (True, False):
        head.layer.with_checkpoint = with_checkpoint
        peaks.append(peak_mebibytes(
            lambda: head(maps, inputs.views)['codes'].square().mean().backward()))
        head.zero_grad(set_to_none=True)
    return _memory_row('head in training, peak memory', *peaks,
                       f'{_sizes(HALF, threads)}, no denoising; with checkpointing against '
                       f'without') | dict(original=False)


def _memory_row(name: str, ours: float, baseline: float, note: str) -> dict:
    return dict(name=name, value=ours, unit='MiB', baseline=baseline, ratio=baseline / ours,
                note=note)


def _decoder_row(repeats: int, threads: int) -> dict:
    """One pass of the whole layer, evaluation."""
    head = sparsebev_model().bbox_head
    inputs = _Inputs(IMAGE)
    packed, regrouped = head.pack(inputs.maps, inputs.views), None
    query, features, _ = head._first_queries(1, None)

    def one_pass(images):
        return head.layer(query, features, images, inputs.views)[2]

    with torch.no_grad():
        ours = measure(lambda: one_pass(packed), repeats, warmup=1)
        result = one_pass(packed)
        regrouped = regroup(inputs.maps, FRAMES, GROUPS)
        with published_sampling():
            apart = (one_pass(regrouped) - result).abs().max().item()
            published = measure(lambda: one_pass(regrouped), repeats, warmup=1)
    return _row('decoder, one of six passes', ours, published,
                f'{_sizes(IMAGE, threads)}; the same layer with grid_sample; largest difference '
                f'of a box {apart:.1e}')


def _video_row(threads: int) -> dict:
    """A new frame of a video: read alone, with the maps of earlier frames kept, or all again."""
    model = sparsebev_model()
    views = ring_of_cameras(FRAMES, HALF)
    images = torch.randn(CAMERAS, 3, *HALF, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        kept = model.maps_of_images(images)

        def detect(fresh: int):
            frames = [model.maps_of_images(images) for _ in range(fresh)]
            frames += [kept] * (FRAMES - fresh)
            maps = [torch.cat(level)[None] for level in zip(*frames, strict=True)]
            return model.detect(maps, views)

        streaming = measure(lambda: detect(1), 1, warmup=1)
        offline = measure(lambda: detect(FRAMES), 1, warmup=0)
    return _row('whole model, a new frame', streaming, offline,
                f'R50, {_sizes(HALF, threads)}; streaming against all {FRAMES} frames through '
                f'the backbone, six images at a time') | dict(original=False)


def sparsebev_model():
    init_default_scope('mmdet3d')
    torch.manual_seed(0)
    options = Config.fromfile(find_config(CONFIG)).model
    options.backbone.pop('init_cfg')
    options.published = SAMPLING_AS_PUBLISHED
    return MODELS.build(options).eval()


@contextmanager
def published_sampling():
    """Inside, the layer samples by ``grid_sample``; it is given regrouped maps."""

    def sample(regrouped, points, weights, lidar2img, image_size, **_):
        return sample_by_grid(regrouped, points, weights, lidar2img, image_size, GROUPS)

    with patch.object(spatio_temporal_sampling, 'sample_views', sample):
        yield


def _with_backward(function: Callable[[], Tensor]) -> Callable[[], None]:
    return lambda: function().square().sum().backward()


def _sizes(image: tuple[int, int], threads: int) -> str:
    return (f'{image[1]} x {image[0]}, {FRAMES} frames, {CAMERAS} cameras, {QUERIES} queries, '
            f'batch 1, {threads} threads')


def _row(name: str, ours: Timing, baseline: Timing, note: str) -> dict:
    return dict(name=name, value=ours.milliseconds, unit='ms', baseline=baseline.milliseconds,
                ratio=baseline.median / ours.median, note=note)
