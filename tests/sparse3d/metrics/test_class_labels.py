"""A label without a name is told before a metric looks it up."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes

from sparse3d.datasets.custom.evaluate.metric import BoxDetectionMetric
from sparse3d.datasets.kitti.evaluate.metric import KittiDetectionMetric
from sparse3d.datasets.nuscenes.evaluate.metric import NuScenesDetectionMetric
from sparse3d.datasets.waymo.evaluate.metric import WaymoDetectionMetric
from sparse3d.errors import ConfigError
from sparse3d.metrics.class_labels import refuse_unknown_labels

METRICS = {
    'boxes': lambda: (BoxDetectionMetric(), 'Car'),
    'kitti': lambda: (KittiDetectionMetric('absent.pkl'), 'Car'),
    'nuscenes': lambda: (NuScenesDetectionMetric('.', 'absent.pkl'), 'car'),
    'waymo': lambda: (WaymoDetectionMetric('absent.pkl'), 'Pedestrian'),
}


@pytest.mark.parametrize('label', [1, -1])
@pytest.mark.parametrize('name', METRICS)
def test_every_metric_names_the_label_and_the_classes(name, label):
    metric, known = METRICS[name]()
    metric.dataset_meta = dict(classes=[known])
    boxes = LiDARInstance3DBoxes(torch.tensor([[0, 9, -1, 4, 2, 1.5, 0]]))
    truth = dict(gt_bboxes_3d=boxes, gt_labels_3d=np.array([0]))
    sample = dict(sample_idx=0, lidar_path='0000000.bin', eval_ann_info=truth,
                  pred_instances_3d=dict(bboxes_3d=boxes, scores_3d=torch.ones(1),
                                         labels_3d=torch.tensor([label])))
    with pytest.raises(ConfigError, match=rf'label {label}, .* 1 classes from 0 on \({known}\)'):
        metric.process(None, [sample])
        metric.evaluate(1)


def test_labels_that_have_names_and_frames_without_any_pass():
    refuse_unknown_labels([np.array([0, 1]), np.zeros(0, np.int64)], ['Car', 'Van'])
    refuse_unknown_labels([], ['Car'])
