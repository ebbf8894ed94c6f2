"""The benchmark of nuScenes' score runs, and holds the numbers beside the devkit's."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d_benchmarks import nuscenes_metric


@pytest.mark.parametrize('repeats', [1, 10])
def test_the_rows_name_the_difference_to_the_devkit(monkeypatch, repeats):
    monkeypatch.setattr(nuscenes_metric, 'SAMPLES', 5)
    monkeypatch.setattr(nuscenes_metric, 'ALL_SAMPLES', 10)
    few, whole, metric = nuscenes_metric.run(threads=1, repeats=repeats)
    assert [row['name'].split(', ')[1] for row in (few, whole, metric)] == [
        '5 samples', '10 samples', '10 samples']
    assert all(row['unit'] == 's' and row['value'] > 0 and 's of CPU' in row['note']
               for row in (few, whole, metric))
    for row in (few, whole) if repeats == 10 else (few,):
        if row['baseline'] is None:
            assert 'the devkit is not installed' in row['note']
        else:
            assert row['baseline'] > row['value'] and "from the devkit's by 0e+00" in row['note']
    assert repeats == 10 or 'is asked with --repeats 10' in whole['note']


def test_samples_hold_as_many_boxes_as_said():
    pred, gt = nuscenes_metric.typical_boxes(3)
    assert np.bincount(pred.sample).tolist() == [nuscenes_metric.DETECTIONS] * 3
    assert np.bincount(gt.sample).tolist() == [nuscenes_metric.GROUND_TRUTHS] * 3
