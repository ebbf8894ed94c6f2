"""Average precision of boxes as a metric of mmengine, for data sets of one's own."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmdet3d.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from sparse3d.errors import ConfigError, DataError
from sparse3d.metrics.box_average_precision import evaluate_boxes
from sparse3d.metrics.class_labels import refuse_unknown_labels
from sparse3d.metrics.matching_rules import MatchingRule


@METRICS.register_module()
class BoxDetectionMetric(BaseMetric):
    """AP in space (3D) and in the plane (BEV) at several overlaps, by class.

    Ground truth comes with the samples (``eval_ann_info``). Keys are those of
    :class:`~sparse3d.metrics.box_average_precision.BoxResult` behind the prefix, e.g.
    ``boxes/mAP_3D_0.5``; a table goes to the log.

    Args:
        iou_thresholds: thresholds of the intersection over union.
        prefix: what the keys begin with.
        collect_device: see mmengine's ``BaseMetric``.

    Raises:
        DataError: for samples without labels.
    """

    default_prefix = 'boxes'

    def __init__(self, iou_thresholds: Sequence[float] = (0.3, 0.5, 0.7), prefix: str | None = None,
                 collect_device: str = 'cpu') -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.iou_thresholds = tuple(iou_thresholds)

    def matching_rule(self, name: str) -> MatchingRule:
        """When a detection is right: by the middle one of the thresholds, in space."""
        return MatchingRule('3D', sorted(self.iou_thresholds)[len(self.iou_thresholds) // 2])

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep detections and labels of a batch as arrays."""
        for sample in data_samples:
            gt = sample.get('eval_ann_info')
            if not gt or 'gt_bboxes_3d' not in gt:
                name = sample.get('frame_name', sample.get('sample_idx'))
                raise DataError(f'frame {name} has no labels to evaluate with')
            pred = sample['pred_instances_3d']
            self.results.append(dict(
                predicted=dict(boxes=_array(pred['bboxes_3d'].tensor),
                               scores=_array(pred['scores_3d']),
                               labels=_array(pred['labels_3d'])),
                labeled=dict(boxes=_array(gt['gt_bboxes_3d'].tensor),
                             labels=_array(gt['gt_labels_3d']))))

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Evaluate the results of all processes; called on the first one."""
        classes = (self.dataset_meta or {}).get('classes')
        if not classes:
            raise ConfigError('the data set names no classes: set metainfo=dict(classes=[...])')
        refuse_unknown_labels((item['predicted']['labels'] for item in results), classes)
        result = evaluate_boxes([item['predicted'] for item in results],
                                [item['labeled'] for item in results], classes, self.iou_thresholds)
        print_log(f'evaluation of boxes\n{result.table()}', 'current')
        return result.average_precision


def _array(values: Any) -> np.ndarray:
    return values.detach().cpu().numpy() if hasattr(values, 'detach') else np.asarray(values)
