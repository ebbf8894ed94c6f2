"""The benchmark of Argoverse 2's score runs on few logs, and its boxes are what is said."""
from __future__ import annotations

import numpy as np

from sparse3d_benchmarks import argoverse2_metric


def test_rows_say_sizes_and_cpu_seconds(monkeypatch):
    for name, value in dict(LOGS=2, FEW_LOGS=1, SWEEPS=3).items():
        monkeypatch.setattr(argoverse2_metric, name, value)
    few, whole = argoverse2_metric.run(threads=1)
    assert few['name'].endswith('3 sweeps') and whole['name'].endswith('6 sweeps')
    assert '600 detections, 450 objects' in whole['note'] and 's of CPU' in whole['note']
    assert 0.01 < float(whole['note'].split('mAP ')[1]) < 0.9


def test_boxes_lie_in_and_beside_the_region(monkeypatch):
    monkeypatch.setattr(argoverse2_metric, 'SWEEPS', 4)
    dts, gts = argoverse2_metric.typical_boxes(1)
    place = argoverse2_metric.crossing(4)('log')
    inside = place.roi.contains(gts.center).mean()
    assert len(dts) == 4 * argoverse2_metric.DETECTIONS and 0.2 < inside < 0.9
    assert np.linalg.norm(gts.center, axis=1).max() > 100
