"""What a detector tells an image backbone besides the pixels, and what that one tells back."""
from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn


@dataclass
class SeenImages:
    """Of M images of a batch, which a backbone sees as one flat list.

    Attributes:
        cameras: so many images after each other are one frame.
        objects: in training [n, 5] number of the image, and left, top, right, bottom in pixels, of
            each object in it; None where they are unknown.
        losses: what the backbone adds to the detector's losses.
    """

    cameras: int
    objects: Tensor | None = None
    losses: dict[str, Tensor] = field(default_factory=dict)

    def of_first(self, images: int, of: int) -> SeenImages:
        """The first ``images`` of the ``of`` images of every sample; with losses of its own."""
        if self.objects is None:
            return SeenImages(self.cameras)
        number = self.objects[:, 0].long()
        sample, place = number // of, number % of
        moved = (sample * images + place).to(self.objects)[:, None]
        return SeenImages(self.cameras, torch.cat([moved, self.objects[:, 1:]], 1)[place < images])


def image_maps(backbone: nn.Module, images: Tensor, seen: SeenImages) -> Sequence[Tensor]:
    """Maps L x [M, C, H_l, W_l] of images [M, 3, H, W].

    A backbone with ``reads_seen_images`` gets both, any other one the images alone.
    """
    if getattr(backbone, 'reads_seen_images', False):
        return backbone(images, seen)
    return backbone(images)


def feature_settings(backbone: nn.Module) -> Hashable:
    """What features depend on besides weights and images; None for a backbone without settings.

    Who keeps features of earlier frames compares it.
    """
    settings = getattr(backbone, 'feature_settings', None)
    return settings() if settings is not None else None
