"""Deformable attention of many images whose levels have sizes that the host knows."""
from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from mmcv.ops import MultiScaleDeformableAttention
from mmcv.ops.multi_scale_deform_attn import (
    IS_CUDA_AVAILABLE,
    MultiScaleDeformableAttnFunction,
    multi_scale_deformable_attn_pytorch,
)
from torch import Tensor, nn

from sparse3d.ops.constants import constant
from sparse3d.ops.linear import linear


class DeformableAttention(MultiScaleDeformableAttention):
    """mmcv's layer, weights and results, for sizes as plain numbers: mmcv reads them from the
    device and waits for each.

    Source: Deformable DETR (ICLR 2021), section 4.1.
    """

    def forward(self,
                queries: Tensor,     # [G, L, C]
                pixels: Tensor,      # [G, S, C]  of all levels, one after the other
                references: Tensor,  # [G, L, 2]  fractions of the image
                padding: Tensor,     # [G, S] bool, True for pixels without a picture
                shapes: Sequence[tuple[int, int]],  # h, w of each level; S pixels together
                ) -> Tensor:         # [G, L, C]
        """Look at a few places around each reference, on every level."""
        groups, length, _ = queries.shape
        value = _apply(self.value_proj, pixels).masked_fill(padding[..., None], 0.0)
        value = value.unflatten(2, (self.num_heads, -1))
        offsets = _apply(self.sampling_offsets, queries).view(
            groups, length, self.num_heads, self.num_levels, self.num_points, 2)
        weights = _apply(self.attention_weights, queries).view(groups, length, self.num_heads, -1)
        weights = weights.softmax(-1).view(offsets.shape[:-1])
        sizes = constant([(width, height) for height, width in shapes], offsets)  # [levels, 2]
        places = references[:, :, None, None, None] + offsets / sizes[:, None]
        if IS_CUDA_AVAILABLE and value.is_cuda:
            starts = accumulate((height * width for height, width in shapes[:-1]), initial=0)
            found = MultiScaleDeformableAttnFunction.apply(
                value, constant(shapes, value, torch.long),
                constant(tuple(starts), value, torch.long), places, weights, self.im2col_step)
        else:
            found = multi_scale_deformable_attn_pytorch(value, shapes, places, weights)
        return _apply(self.output_proj, found)


def _apply(layer: nn.Linear, rows: Tensor) -> Tensor:
    return linear(rows, layer.weight, layer.bias)
