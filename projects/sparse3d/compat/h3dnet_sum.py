"""Training of H3DNet.

Wrong upstream (mmdet3d 1.4.0): ``H3DBboxHead.forward`` adds in place to the result of its first
layer's ReLU, which the backward pass needs; on every device the first training step ends in
``one of the variables needed for gradient computation has been modified by an inplace operation``.

Repair: that layer hands out a copy of its result. Weights and values stay what they are.
"""
from __future__ import annotations

from functools import wraps

import torch
from mmdet3d.models.roi_heads.bbox_heads.h3d_bbox_head import H3DBboxHead
from torch import Tensor


def apply_patch() -> None:
    """Let the sum be taken in a tensor of its own."""
    upstream = H3DBboxHead.__init__
    if hasattr(upstream, 'upstream'):
        return

    @wraps(upstream)
    def init(self, *args, **kwargs) -> None:
        upstream(self, *args, **kwargs)
        self.bbox_pred[0].register_forward_hook(_copy)

    init.upstream = upstream
    H3DBboxHead.__init__ = init


def _copy(layer: torch.nn.Module, inputs: tuple, result: Tensor) -> Tensor:
    return result.clone()
