"""What converted weights of the tiny training need."""
from __future__ import annotations

from dataclasses import dataclass

from sparse3d.published import PublishedSet, quirk


@dataclass(frozen=True)
class TinyPublished(PublishedSet):
    """``width`` stands for what a converted checkpoint needs."""

    width: int | None = quirk(None, 'another width', 'that of the config',
                              was={'model.published_width': ...})
    future: bool = quirk(False, 'frames of the next scene', 'none', switches={
        'test_dataloader.dataset.frames.future': True})
