"""A detector on voxels whose map is weighed, channel by channel, before the head sees it."""
from __future__ import annotations

from typing import Any

from mmdet3d.registry import MODELS
from torch import Tensor

import squeezed.channel_squeeze  # noqa: F401  (registers it)
from sparse3d.models.detectors import VoxelDetector
from sparse3d.published import hand_down


@MODELS.register_module()
class SqueezedDetector(VoxelDetector):
    """The core's detector on voxels, with a squeeze between neck and head.

    Args:
        squeeze: config of the module that weighs a map.
        published: quirks, handed down to the squeeze.
        parts: those of ``VoxelDetector``.
    """

    def __init__(self, squeeze: dict, published: dict | None = None, **parts: Any) -> None:
        super().__init__(**parts)
        (squeeze, ) = hand_down(published, squeeze=squeeze)
        self.squeeze = MODELS.build(squeeze)

    def extract_maps(self, voxels: dict[str, Tensor], batch_size: int,
                     views: Any = None) -> tuple[list[Tensor], Any]:
        """Weighed maps [B, C, H, W], and what the middle encoder has to say in training."""
        maps, auxiliary = super().extract_maps(voxels, batch_size, views)
        return [self.squeeze(bev) for bev in maps], auxiliary
