"""The benchmarks of the geometric operators compare equal results."""
from __future__ import annotations

import numpy as np

from sparse3d.datasets.kitti.evaluate import evaluate_kitti
from sparse3d.simulate import sweep
from sparse3d_benchmarks import kitti_metric, rotated_iou, voxelization

KEYS = {'name', 'value', 'unit', 'baseline', 'ratio', 'note'}


def test_voxelization_rows_compare_the_same_voxels(monkeypatch):
    monkeypatch.setattr(voxelization, 'full_sweep', lambda: (sweep.drawn_sweep(), 'drawn sweep'))
    rows = voxelization.run(threads=1, repeats=1)
    assert all(set(row) == KEYS and row['value'] > 0 and row['baseline'] > 0 for row in rows)
    assert 'same voxels' in rows[0]['note']


def test_rotated_rows_compare_the_same_results(monkeypatch):
    monkeypatch.setattr(rotated_iou, 'full_sweep', lambda: (sweep.drawn_sweep(), 'drawn sweep'))
    monkeypatch.setattr(rotated_iou, 'GROWING', (200, 400))
    rows = rotated_iou.run(threads=1, repeats=1)
    assert all(set(row) == KEYS for row in rows)
    assert rows[-2]['name'] == 'rotated NMS, exponent of the number of boxes'
    assert rows[-2]['note'].partition('200: ')[2] and -1 < rows[-2]['value'] < 4
    notes = ' '.join(row['note'] for row in rows)
    assert 'same boxes' in notes and 'same points' in notes
    assert rows[-1]['value'] < 1e-4


def test_typical_frames_are_typical():
    detections, truth = kitti_metric.typical_frames(50)
    assert 6 < np.mean([len(frame['name']) for frame in truth]) < 10
    assert 10 < np.mean([len(frame['name']) for frame in detections]) < 20
    assert 20 < evaluate_kitti(detections, truth).average_precision['Car_3D_R40_hard'] < 95
