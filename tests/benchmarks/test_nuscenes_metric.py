"""The benchmark of nuScenes' score runs, and holds the numbers beside the devkit's."""
from __future__ import annotations

import numpy as np

from sparse3d_benchmarks import nuscenes_metric


def test_the_row_names_the_difference_to_the_devkit(monkeypatch):
    monkeypatch.setattr(nuscenes_metric, 'SAMPLES', 5)
    monkeypatch.setattr(nuscenes_metric, 'ALL_SAMPLES', 10)
    row, = nuscenes_metric.run(threads=1)
    assert row['unit'] == 's' and row['value'] > 0
    if row['baseline'] is None:
        assert 'the devkit is not installed' in row['note']
    else:
        assert row['baseline'] > row['value'] and "from the devkit's by 0e+00" in row['note']


def test_samples_hold_as_many_boxes_as_said():
    pred, gt = nuscenes_metric.typical_boxes(3)
    assert np.bincount(pred.sample).tolist() == [nuscenes_metric.DETECTIONS] * 3
    assert np.bincount(gt.sample).tolist() == [nuscenes_metric.GROUND_TRUTHS] * 3
