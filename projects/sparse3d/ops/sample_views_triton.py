"""Fused reading of views in Triton: all levels and corners of a point in one program.

Bilinear weights and rows are computed inside, so that nothing but the result is written;
the gradient of the features is added with atomics in float32. Under
``torch.use_deterministic_algorithms(True)`` that gradient is added in a fixed order instead.
"""
from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from sparse3d.ops.packed_views import corners_of_level


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
def _forward(table, position, image, group, weights, sizes, out,
             levels: tl.constexpr, groups: tl.constexpr, channels: tl.constexpr,
             block: tl.constexpr, corners_aligned: tl.constexpr):
    point = tl.program_id(0).to(tl.int64)
    channel = tl.arange(0, block)
    kept = channel < channels
    at_x, at_y = tl.load(position + point * 2), tl.load(position + point * 2 + 1)
    of_image, of_group = tl.load(image + point), tl.load(group + point)
    # Zero times NaN is NaN: without an image nothing is loaded.
    readable = channel < tl.where(of_image >= 0, channels, 0)
    total = tl.zeros([block], tl.float32)
    for level in tl.static_range(levels):
        height, width = tl.load(sizes + level * 3), tl.load(sizes + level * 3 + 1)
        start = tl.load(sizes + level * 3 + 2)
        size_x, size_y = width.to(tl.float32), height.to(tl.float32)
        x = at_x * (size_x - 1) if corners_aligned else at_x * size_x - 0.5
        y = at_y * (size_y - 1) if corners_aligned else at_y * size_y - 0.5
        scale = tl.load(weights + point * levels + level)
        for step_y in tl.static_range(2):
            for step_x in tl.static_range(2):
                cell, weight, _, _ = _corner(x, y, size_x, size_y, step_x, step_y)
                row = start + (of_image * height * width + cell) * groups + of_group
                value = tl.load(table + row * channels + channel, mask=readable, other=0.0)
                total += value.to(tl.float32) * (weight * scale)
    tl.store(out + point * channels + channel, total.to(out.dtype.element_ty), mask=kept)


@triton.jit
def _backward(table, position, image, group, weights, sizes, gradient,
              of_table, of_position, of_weights,
              levels: tl.constexpr, groups: tl.constexpr, channels: tl.constexpr,
              block: tl.constexpr, corners_aligned: tl.constexpr, add_to_table: tl.constexpr):
    point = tl.program_id(0).to(tl.int64)
    channel = tl.arange(0, block)
    kept = channel < channels
    at_x, at_y = tl.load(position + point * 2), tl.load(position + point * 2 + 1)
    of_image, of_group = tl.load(image + point), tl.load(group + point)
    # Zero times NaN is NaN: without an image nothing is loaded.
    readable = channel < tl.where(of_image >= 0, channels, 0)
    coming = tl.load(gradient + point * channels + channel, mask=kept, other=0.0).to(tl.float32)
    slope_x = 0.0
    slope_y = 0.0
    for level in tl.static_range(levels):
        height, width = tl.load(sizes + level * 3), tl.load(sizes + level * 3 + 1)
        start = tl.load(sizes + level * 3 + 2)
        size_x, size_y = width.to(tl.float32), height.to(tl.float32)
        stretch_x = size_x - 1 if corners_aligned else size_x
        stretch_y = size_y - 1 if corners_aligned else size_y
        x = at_x * stretch_x if corners_aligned else at_x * stretch_x - 0.5
        y = at_y * stretch_y if corners_aligned else at_y * stretch_y - 0.5
        scale = tl.load(weights + point * levels + level)
        gain = 0.0
        for step_y in tl.static_range(2):
            for step_x in tl.static_range(2):
                cell, weight, by_x, by_y = _corner(x, y, size_x, size_y, step_x, step_y)
                row = start + (of_image * height * width + cell) * groups + of_group
                value = tl.load(table + row * channels + channel, mask=readable, other=0.0)
                match = tl.sum(value.to(tl.float32) * coming)
                gain += weight * match
                slope_x += scale * stretch_x * by_x * match
                slope_y += scale * stretch_y * by_y * match
                if add_to_table:
                    tl.atomic_add(of_table + row * channels + channel,
                                  coming * (weight * scale), mask=readable)
        tl.store(of_weights + point * levels + level, gain)
    tl.store(of_position + point * 2, slope_x)
    tl.store(of_position + point * 2 + 1, slope_y)


class FusedReading(torch.autograd.Function):
    """Weighted bilinear sums [M, C] of a table [rows, C].

    Inputs: table; position [M, 2] as fractions of the image; image [M] (-1: the point is not
    read) and group [M] (int64); weights [M, L]; sizes [L, 3] (height, width, first row;
    int64); number of groups; whether fractions mean ``size - 1``.
    """

    @staticmethod
    def forward(ctx: Any, table: Tensor, position: Tensor, image: Tensor, group: Tensor,
                weights: Tensor, sizes: Tensor, groups: int, corners_aligned: bool) -> Tensor:
        """One program for each point."""
        inputs = [value.contiguous() for value in (table, position.float(), image, group,
                                                   weights.float(), sizes)]
        ctx.save_for_backward(*inputs)
        ctx.options = _options(table, weights, groups, corners_aligned)
        out = table.new_empty(len(image), table.shape[1])
        if len(image):
            _forward[(len(image),)](*inputs, out, **ctx.options,
                                    num_warps=warps_of('_forward', ctx.options['block']))
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor):
        """Gradients of the table, the positions and the weights."""
        inputs = ctx.saved_tensors
        table, position, weights = inputs[0], inputs[1], inputs[4]
        of_table = torch.zeros(table.shape, dtype=torch.float32, device=table.device)
        of_position, of_weights = torch.zeros_like(position), torch.zeros_like(weights)
        atomics = not torch.are_deterministic_algorithms_enabled()
        if len(position):
            _backward[(len(position),)](
                *inputs, gradient.contiguous(), of_table, of_position, of_weights,
                add_to_table=atomics, **ctx.options,
                num_warps=warps_of('_backward', ctx.options['block']))
            if not atomics:
                _add_in_order(of_table, inputs, gradient, ctx.options)
        return of_table.to(table.dtype), of_position, None, None, of_weights, None, None, None


def warps_of(kernel: str, block: int) -> int:
    """Warps of a program, by what the compiled kernels show; none was timed on a GPU.

    Forward: a lane for each channel. Backward: two channels a lane, so that up to 64 channels are
    summed inside one warp, without shared memory and without warps that wait for each other.
    """
    lanes = block if kernel == '_forward' else block // 2
    return min(max(lanes // 32, 1), 4)


def _options(table: Tensor, weights: Tensor, groups: int, corners_aligned: bool) -> dict:
    channels = table.shape[1]
    return dict(levels=weights.shape[1], groups=groups, channels=channels,
                block=triton.next_power_of_2(channels), corners_aligned=corners_aligned)


def _add_in_order(of_table: Tensor, inputs: tuple[Tensor, ...], gradient: Tensor,
                  options: dict) -> None:
    """Gradient of the table by PyTorch's deterministic accumulation, level by level."""
    _, position, image, group, weights, sizes = inputs
    for level, (height, width, start) in enumerate(sizes.tolist()):
        rows, corner = corners_of_level((height, width), start, (image, group),
                                        options['groups'], position, options['corners_aligned'])
        shares = (corner * weights[:, level, None])[..., None] * gradient[:, None].float()
        of_table.index_put_((rows.flatten(),), shares.flatten(0, 1), accumulate=True)
