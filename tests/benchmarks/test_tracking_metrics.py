"""The benchmark of the tracking scores runs, with or without the programs beside it."""
from __future__ import annotations

from sparse3d_benchmarks import tracking_metrics


def test_a_row_for_each_score(monkeypatch):
    monkeypatch.setattr(tracking_metrics, 'SCENES', 1)
    monkeypatch.setattr(tracking_metrics, 'DEVKIT_SCENES', 1)
    monkeypatch.setattr(tracking_metrics, 'FALSE_TRACKS', 2)
    monkeypatch.setattr(tracking_metrics, 'OBJECTS', dict(car=1))
    rows = tracking_metrics.run(threads=1)
    assert [row['name'].split(',')[0] for row in rows] == [
        'nuScenes tracking score', 'HOTA', 'CLEAR MOT']
    for row in rows:
        assert row['value'] >= 0
        assert (row['baseline'] is None) == ('not installed' in row['note'])
