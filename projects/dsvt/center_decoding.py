"""From the center head's maps to boxes."""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from sparse3d.models.center.box_coder import CenterBoxCoder
from sparse3d.models.center.peaks import top_peaks
from sparse3d.models.center.predicted_iou import predicted_quality
from sparse3d.models.center.selection import in_range


class Candidates(NamedTuple):
    """Boxes of one sample before suppression."""

    boxes: Tensor    # [n, 7]  x, y, z center, dx, dy, dz, yaw; meters, radians
    scores: Tensor   # [n]     heat in [0, 1]
    labels: Tensor   # [n] int64
    quality: Tensor  # [n]     predicted overlap in [0, 1]


def candidates(
        heat: Tensor,     # [classes, H, W]  in [0, 1]
        codes: Tensor,    # [8, H, W]
        quality: Tensor,  # [H, W]  in [-1, 1] units
        coder: CenterBoxCoder,
        max_candidates: int = 500,
        score_threshold: float = 0.1,
        center_range: Sequence[float] = (-80, -80, -10, 80, 80, 10),
) -> Candidates:
    """The best cells over all classes that pass the threshold and lie in ``center_range``."""
    peaks = top_peaks(heat.flatten(1), max_candidates)
    at_peaks = codes.flatten(1)[:, peaks.cells].T
    boxes = coder.decode(at_peaks, coder.grid.columns_and_rows(peaks.cells))
    kept = (peaks.scores > score_threshold) & in_range(boxes, center_range)
    quality = predicted_quality(quality.flatten()[peaks.cells])
    return Candidates(boxes[kept], peaks.scores[kept], peaks.labels[kept], quality[kept])
