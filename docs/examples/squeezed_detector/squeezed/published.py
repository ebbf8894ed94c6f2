"""What the published weights were trained with, and a new training is not."""
from __future__ import annotations

from dataclasses import dataclass

from sparse3d.published import PublishedSet, quirk


@dataclass(frozen=True)
class SqueezedPublished(PublishedSet):
    """Quirks of the published training; all off for a new one."""

    hard_sigmoid: bool = quirk(False, 'weights from the piecewise linear sigmoid',
                               'from the sigmoid')
