"""The benchmark of Waymo's metric runs, and scales what it measures."""
from __future__ import annotations

import numpy as np

from sparse3d_benchmarks import waymo_metric


def test_rows_say_time_and_memory_for_all_frames():
    seconds, memory = waymo_metric.run(threads=1, frames=20)
    assert seconds['unit'] == 's' and seconds['value'] > 0
    assert 'scaled' in seconds['note'] and memory['unit'] == 'MB'


def test_frames_hold_as_many_detections_as_said():
    found, truth = waymo_metric.typical_tables(3)
    assert np.bincount(found['frame'].astype(int)).min() >= 95
    assert np.bincount(truth['frame']).tolist() == [waymo_metric.GROUND_TRUTHS] * 3
    assert found['score'].min() >= 0 and found['score'].max() <= 1
