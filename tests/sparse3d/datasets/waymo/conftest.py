"""The tiny synthetic segment in both formats, alone and as whole data sets."""
from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

SEGMENT = '1234567890123456789_1000_000_1020_000'
FIXTURE = Path(__file__).resolve().parents[3] / 'fixtures' / 'waymo_frame'
RECORD_FILE = FIXTURE / 'v1' / f'segment-{SEGMENT}_with_camera_labels.tfrecord'


@pytest.fixture(scope='session')
def record_file() -> Path:
    """The segment as a TFRecord file."""
    return RECORD_FILE


@pytest.fixture(scope='session')
def tables() -> Path:
    """The segment as a split folder of Parquet tables."""
    return FIXTURE / 'v2'


@pytest.fixture(scope='session')
def official():
    """What the official routines made of the segment."""
    with np.load(FIXTURE / 'point_clouds.npz') as arrays:
        return dict(arrays)


@pytest.fixture
def waymo_v1(tmp_path) -> Path:
    """A data set of version 1: two segments for training, one for validation."""
    root = tmp_path / 'waymo'
    for split, names in (('training', 'ab'), ('validation', 'c')):
        (root / split).mkdir(parents=True)
        for name in names:
            shutil.copyfile(RECORD_FILE, root / split / f'segment-{name}.tfrecord')
    return root


@pytest.fixture
def waymo_v2(tmp_path) -> Path:
    """A data set of version 2: the segment for training."""
    root = tmp_path / 'waymo'
    shutil.copytree(FIXTURE / 'v2', root / 'training', dirs_exist_ok=True)
    return root


@pytest.fixture(scope='session')
def simulated(tmp_path_factory) -> Path:
    """Two simulated segments of three frames (train, val), prepared; to be read only."""
    from sparse3d.datasets.waymo.prepare import prepare_waymo
    from sparse3d.datasets.waymo.simulate import WaymoOptions, simulate_waymo
    root = tmp_path_factory.mktemp('simulated') / 'waymo'
    options = WaymoOptions(seconds=.3, columns=300, image_width=160)
    simulate_waymo(root, 2, seed=2, options=options, show_progress=False)
    prepare_waymo(root)
    return root
