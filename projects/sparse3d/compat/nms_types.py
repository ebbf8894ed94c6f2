"""Non-maximum suppression of boxes under autocast, whatever the types of boxes and scores.

Wrong upstream (mmcv 2.1.0 and mmdet3d 1.4.0): ``nms_bev`` and ``nms_normal_bev`` hand boxes and
scores to mmcv's kernels as they come. Under bfloat16 autocast boxes are float32 and scores
bfloat16: the CPU's kernel ends with "dets.scalar_type() == scores.scalar_type() INTERNAL ASSERT
FAILED", and no kernel of mmcv takes bfloat16 boxes.

Repair: both go in as float32, rotated boxes as float64 if boxes or scores are. Which boxes are kept
follows from the same numbers as before; nothing changes for float32.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor


def apply_patch() -> None:
    """Let mmdet3d's NMS of boxes in BEV call mmcv with one type."""
    from mmdet3d.models.layers import box3d_nms
    for name, widest in (('nms', torch.float32), ('nms_rotated', torch.float64)):
        upstream = getattr(box3d_nms, name)
        if not hasattr(upstream, 'upstream'):
            setattr(box3d_nms, name, _of_one_type(upstream, widest))


def _of_one_type(upstream: Callable, widest: torch.dtype) -> Callable:
    @wraps(upstream)
    def suppress(boxes: Tensor, scores: Tensor, *args: Any, **kwargs: Any) -> Any:
        double = widest == torch.float64 and widest in (boxes.dtype, scores.dtype)
        dtype = torch.float64 if double else torch.float32
        return upstream(boxes.to(dtype), scores.to(dtype), *args, **kwargs)

    suppress.upstream = upstream  # type: ignore[attr-defined]
    return suppress
