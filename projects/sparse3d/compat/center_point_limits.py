"""Decoding of CenterPoint's boxes without a warning from the second frame on.

Wrong upstream (mmdet3d 1.4.0): ``CenterPointBBoxCoder.decode`` keeps the tensor of its limits in
place of the list that it was given, and makes a tensor of that in the next call: "UserWarning: To
copy construct from a tensor, it is recommended to use sourceTensor.detach().clone()". Who detects
in a second cloud reads it, and can do nothing about it.

Repair: the limits are what they were after each call. The boxes are the same.
"""
from __future__ import annotations

from functools import wraps
from typing import Any


def apply_patch() -> None:
    """Let the coder keep the limits that it was given."""
    from mmdet3d.models.task_modules.coders import CenterPointBBoxCoder
    upstream = CenterPointBBoxCoder.decode
    if hasattr(upstream, 'upstream'):
        return

    @wraps(upstream)
    def decode(self: Any, *args: Any, **kwargs: Any) -> Any:
        limits = self.post_center_range
        try:
            return upstream(self, *args, **kwargs)
        finally:
            self.post_center_range = limits

    decode.upstream = upstream  # type: ignore[attr-defined]
    CenterPointBBoxCoder.decode = decode
