"""The benchmark's other way of sampling gives the same, so that the comparison is one."""
from __future__ import annotations

import torch

import sparsebev.register  # noqa: F401
from sparse3d.ops.packed_views import pack_views
from sparse3d.ops.sample_views import sample_views
from sparse3d_benchmarks.sparsebev import PUBLISHED
from sparse3d_benchmarks.sparsebev_grid_sample import regroup, sample_by_grid
from sparsebev.ring_of_cameras import CAMERAS, ring_of_cameras


def test_both_ways_of_sampling_agree_also_in_their_gradients():
    image, frames, groups = (16, 44), 2, 2
    maps = [torch.randn(1, frames * CAMERAS, 4, image[0] // stride, image[1] // stride)
            for stride in (4, 8)]
    points = torch.randn(1, 20, frames, 6, 3) * torch.tensor([15.0, 15.0, 2.0])
    weights = torch.rand(1, 20, frames, 6, 2).softmax(-1)
    views = ring_of_cameras(frames, image)
    gradients = []
    for way in ('ours', 'released'):
        inputs = [value.clone().requires_grad_() for value in (*maps, points, weights)]
        levels = inputs[:2]
        if way == 'ours':
            packed = pack_views([level.unflatten(1, (frames, CAMERAS)) for level in levels],
                                groups)
            read = sample_views(packed, *inputs[2:], views.lidar2img, image, **PUBLISHED)
        else:
            read = sample_by_grid(regroup(levels, frames, groups), *inputs[2:], views.lidar2img,
                                  image, groups)
        read.square().sum().backward()
        gradients.append([read.detach(), *(value.grad for value in inputs)])
    for ours, released in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, released, atol=2e-3, rtol=1e-3)
    assert gradients[0][0].abs().amax(-1).gt(0).float().mean() > 0.5  # most points are seen
