"""Fused deformable aggregation in Triton: all cameras, key points, levels and corners at once.

Forward, one program for each instance sums all it reads; nothing but the result is written.
Backward, one program for each key point of an instance; the gradient of the features is added with
atomics in float32. Under ``torch.use_deterministic_algorithms(True)`` the gradients are those of
the backend ``'fast'`` instead, whose order is fixed.
"""
from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from sparse3d.ops.packed_maps import PackedMaps, aggregate_rows


@triton.jit
def _corner(x, y, size_x, size_y, step_x: tl.constexpr, step_y: tl.constexpr):
    """Cell, weight, and the weight's slopes along x and y, of one corner; zero outside."""
    low_x, low_y = tl.floor(x), tl.floor(y)
    share_x, share_y = x - low_x, y - low_y
    cell_x, cell_y = low_x + step_x, low_y + step_y
    inside = (cell_x >= 0) & (cell_x < size_x) & (cell_y >= 0) & (cell_y < size_y)
    along_x = share_x if step_x == 1 else 1 - share_x
    along_y = share_y if step_y == 1 else 1 - share_y
    sign_x = 1.0 if step_x == 1 else -1.0
    sign_y = 1.0 if step_y == 1 else -1.0
    cell = tl.where(inside, cell_y * size_x + cell_x, 0.0).to(tl.int64)
    kept = tl.where(inside, 1.0, 0.0)
    return cell, along_x * along_y * kept, sign_x * along_y * kept, sign_y * along_x * kept


@triton.jit
def _counts(at_x, at_y, strict: tl.constexpr):
    """Whether a place is read at all; far outside no cell is, and floats would not hold it."""
    if strict:
        return (at_x > 0) & (at_x < 1) & (at_y > 0) & (at_y < 1)
    return (at_x > -1) & (at_x < 2) & (at_y > -1) & (at_y < 2)


@triton.jit
def _forward(features, points, weights, where, out, rows, instances,
             key_points: tl.constexpr, cameras: tl.constexpr, levels: tl.constexpr,
             groups: tl.constexpr, channels: tl.constexpr, block: tl.constexpr,
             strict: tl.constexpr):
    instance = tl.program_id(0).to(tl.int64)
    table = features + (instance // instances) * rows * channels
    channel = tl.arange(0, block)
    kept = channel < channels
    group = tl.minimum(channel // (channels // groups), groups - 1)
    total = tl.zeros([block], tl.float32)
    for place in range(key_points * cameras):
        entry = instance * (key_points * cameras) + place
        at_x, at_y = tl.load(points + entry * 2), tl.load(points + entry * 2 + 1)
        if _counts(at_x, at_y, strict):
            camera = place % cameras
            for level in tl.static_range(levels):
                size = where + (camera * levels + level) * 3
                height, width, start = tl.load(size), tl.load(size + 1), tl.load(size + 2)
                size_x, size_y = width.to(tl.float32), height.to(tl.float32)
                x, y = at_x * size_x - 0.5, at_y * size_y - 0.5
                read = tl.zeros([block], tl.float32)
                for step_y in tl.static_range(2):
                    for step_x in tl.static_range(2):
                        cell, share, _, _ = _corner(x, y, size_x, size_y, step_x, step_y)
                        value = tl.load(table + (start + cell) * channels + channel, mask=kept,
                                        other=0.0)
                        read += value.to(tl.float32) * share
                scale = tl.load(weights + (entry * levels + level) * groups + group, mask=kept,
                                other=0.0)
                total += read * scale
    tl.store(out + instance * channels + channel, total.to(out.dtype.element_ty), mask=kept)


@triton.jit
def _backward(features, points, weights, where, gradient, of_features, of_locations, of_weights,
              rows, instances,
              key_points: tl.constexpr, cameras: tl.constexpr, levels: tl.constexpr,
              groups: tl.constexpr, channels: tl.constexpr, group_block: tl.constexpr,
              width_block: tl.constexpr, strict: tl.constexpr):
    program = tl.program_id(0).to(tl.int64)  # a key point of an instance
    instance = program // key_points
    shift = (instance // instances) * rows * channels
    group, inner = tl.arange(0, group_block), tl.arange(0, width_block)
    per_group = channels // groups
    channel = group[:, None] * per_group + inner[None]
    there = group < groups
    kept = there[:, None] & (inner < per_group)[None]
    coming = tl.load(gradient + instance * channels + channel, mask=kept, other=0.0)
    coming = coming.to(tl.float32)
    for camera in range(cameras):
        entry = program * cameras + camera
        at_x, at_y = tl.load(points + entry * 2), tl.load(points + entry * 2 + 1)
        slope_x = 0.0
        slope_y = 0.0
        if _counts(at_x, at_y, strict):
            for level in tl.static_range(levels):
                size = where + (camera * levels + level) * 3
                height, width, start = tl.load(size), tl.load(size + 1), tl.load(size + 2)
                size_x, size_y = width.to(tl.float32), height.to(tl.float32)
                x, y = at_x * size_x - 0.5, at_y * size_y - 0.5
                place = (entry * levels + level) * groups + group
                scale = tl.load(weights + place, mask=there, other=0.0)
                gain = tl.zeros([group_block], tl.float32)
                for step_y in tl.static_range(2):
                    for step_x in tl.static_range(2):
                        cell, share, by_x, by_y = _corner(x, y, size_x, size_y, step_x, step_y)
                        row = shift + (start + cell) * channels + channel
                        value = tl.load(features + row, mask=kept, other=0.0).to(tl.float32)
                        match = tl.sum(value * coming, 1)
                        gain += match * share
                        scaled = tl.sum(match * scale, 0)
                        slope_x += by_x * size_x * scaled
                        slope_y += by_y * size_y * scaled
                        tl.atomic_add(of_features + row, coming * (scale[:, None] * share),
                                      mask=kept)
                tl.store(of_weights + place, gain, mask=there)
        tl.store(of_locations + entry * 2, slope_x)
        tl.store(of_locations + entry * 2 + 1, slope_y)


class FusedAggregation(torch.autograd.Function):
    """Sums [B, A, C] of features [B, S, C].

    Inputs: features; points [B, A, P, N, 2] as fractions of the image and weights
    [B, A, P, N, L, G], float32; where [N, L, 3] (height, width, first row; int64); whether a place
    counts strictly inside alone.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, points: Tensor, weights: Tensor, where: Tensor,
                strict: bool) -> Tensor:
        """One program for each instance."""
        inputs = [value.contiguous() for value in (features, points, weights, where)]
        ctx.save_for_backward(*inputs)
        ctx.strict = strict
        batch, instances, channels = *points.shape[:2], features.shape[2]
        out = features.new_empty(batch, instances, channels)
        if out.numel():
            _forward[(batch * instances,)](
                *inputs, out, features.shape[1], instances, **_sizes(weights, channels),
                block=triton.next_power_of_2(channels), strict=strict,
                num_warps=warps_of('_forward', channels))
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor):
        """Gradients of the features, the points and the weights."""
        features, points, weights, _ = inputs = ctx.saved_tensors
        if torch.are_deterministic_algorithms_enabled():
            return *_in_order(inputs, gradient, ctx.strict), None, None
        of_features = torch.zeros(features.shape, dtype=torch.float32, device=features.device)
        of_locations, of_weights = torch.zeros_like(points), torch.zeros_like(weights)
        channels, groups = features.shape[2], weights.shape[-1]
        programs = points.shape[0] * points.shape[1] * points.shape[2]
        if programs:
            _backward[(programs,)](
                *inputs, gradient.contiguous(), of_features, of_locations, of_weights,
                features.shape[1], points.shape[1], **_sizes(weights, channels),
                group_block=triton.next_power_of_2(groups),
                width_block=triton.next_power_of_2(channels // groups), strict=ctx.strict,
                num_warps=warps_of('_backward', channels))
        return of_features.to(features.dtype), of_locations, of_weights, None, None


def warps_of(kernel: str, channels: int) -> int:
    """Warps of a program: forward a lane for each two channels, backward for each four; at most
    four. None was timed on a GPU."""
    lanes = triton.next_power_of_2(channels) // (2 if kernel == '_forward' else 4)
    return min(max(lanes // 32, 1), 4)


def _sizes(weights: Tensor, channels: int) -> dict[str, int]:
    names = ('key_points', 'cameras', 'levels', 'groups')
    return dict(zip(names, weights.shape[2:], strict=True), channels=channels)


def _in_order(inputs: tuple[Tensor, ...], gradient: Tensor, strict: bool) -> tuple[Tensor, ...]:
    """Gradients by PyTorch's operators, whose order is fixed."""
    features, points, weights, where = inputs
    sizes = tuple(tuple((height, width) for height, width, _ in levels)
                  for levels in where.tolist())
    leaves = [value.detach().requires_grad_() for value in (features, points, weights)]
    with torch.enable_grad():
        out = aggregate_rows(PackedMaps(leaves[0], sizes), leaves[1], leaves[2],
                             'inside' if strict else 'cells')
    return torch.autograd.grad(out, leaves, gradient.to(out.dtype))
