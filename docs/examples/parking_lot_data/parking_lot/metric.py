"""How far the number of cars is off: what the owner of a parking lot asks."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmdet3d.registry import METRICS
from mmengine.evaluator import BaseMetric


@METRICS.register_module()
class ParkedCarsMetric(BaseMetric):
    """``parking_lot/count_error``: cars too many or too few, the mean over frames.

    Args:
        score_threshold: detections below are not counted.
        options: those of mmengine's ``BaseMetric``.
    """

    default_prefix = 'parking_lot'

    def __init__(self, score_threshold: float = 0.3, **options: Any) -> None:
        super().__init__(**options)
        self.score_threshold = score_threshold

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the difference of each frame of a batch."""
        for sample in data_samples:
            counted = int((sample['pred_instances_3d']['scores_3d'] >= self.score_threshold).sum())
            self.results.append(abs(counted - len(sample['eval_ann_info']['gt_labels_3d'])))

    def compute_metrics(self, results: list[int]) -> dict[str, float]:
        """The mean over the frames of all processes."""
        return dict(count_error=float(np.mean(results)))
