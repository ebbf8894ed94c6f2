"""The loading benchmark on a data set of a few small frames: every row is there, both sides run."""
import pytest

from sparse3d.datasets.nuscenes.simulate import NuScenesOptions
from sparse3d.datasets.waymo.simulate import WaymoOptions
from sparse3d_benchmarks import data, data_memory, data_sets


@pytest.fixture
def small_data_sets(tmp_path, monkeypatch):
    monkeypatch.setenv('SPARSE3D_BENCHMARK_DATA', str(tmp_path))
    monkeypatch.setattr(data_sets, 'KITTI_FRAMES', 4)
    monkeypatch.setattr(data_sets, 'NUSCENES', NuScenesOptions(
        seconds=1.5, image_width=160, camera_rate=2, azimuths=200))
    monkeypatch.setattr(data_sets, 'WAYMO', WaymoOptions(
        seconds=0.5, frame_rate=2, columns=200, image_width=0))


@pytest.mark.slow
def test_every_pipeline_runs(small_data_sets, monkeypatch):
    monkeypatch.setattr(data, 'SAMPLES_AT_ONCE', 1)
    rows = data.run(repeats=1)
    assert [row['name'] for row in rows] == list(data.pipelines())
    assert all(row['value'] > 0 for row in rows)
    assert sum(row['ratio'] is not None for row in rows) == 5
    monkeypatch.setattr(data_memory, 'SAMPLES', 40)
    monkeypatch.setattr(data_memory, 'SETTLED', 30)
    assert [row['unit'] for row in data_memory.run()] == ['MB'] * len(data_memory.NAMES)
