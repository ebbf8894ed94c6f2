"""The loading benchmark on a data set of a few small frames: every row is there, both sides run."""
import pytest

from sparse3d.datasets.nuscenes.simulate import NuScenesOptions
from sparse3d.datasets.waymo.simulate import WaymoOptions
from sparse3d_benchmarks import data, data_memory
from sparse3d_benchmarks.data_sets import Sizes

SMALL = Sizes(4, 2, NuScenesOptions(seconds=1.5, image_width=160, camera_rate=2, azimuths=200),
              WaymoOptions(seconds=0.5, frame_rate=2, columns=200, image_width=0))


@pytest.mark.slow
def test_every_pipeline_runs(tmp_path, monkeypatch):
    monkeypatch.setenv('SPARSE3D_BENCHMARK_DATA', str(tmp_path))
    rows = data.run(repeats=1, samples_at_once=1, sizes=SMALL)
    assert [row['name'] for row in rows] == list(data.pipelines(SMALL))
    assert all(row['value'] > 0 for row in rows)
    assert sum(row['ratio'] is not None for row in rows) == 5
    grown = data_memory.run(samples=40, settled_after=30, sizes=SMALL)
    assert [row['unit'] for row in grown] == ['MB'] * len(data_memory.NAMES)
