"""Weights that come with Sparse3D: there, whole, small, and refused otherwise."""
from __future__ import annotations

import shutil

import numpy as np
import pytest

from sparse3d.apis import load_detector
from sparse3d.checkpoints.hub import WEIGHTS
from sparse3d.checkpoints.shipped import FOLDER, NAMES, is_shipped, shipped_files, threshold_in
from sparse3d.datasets.custom.labeled_frames import labeled_frames
from sparse3d.datasets.custom.simulate.anywhere import simulate_anywhere
from sparse3d.errors import CheckpointError

there = pytest.mark.skipif(not (FOLDER / 'anywhere').is_dir(), reason='no weights are there yet')


def test_names_are_taken_as_they_are():
    assert is_shipped('anywhere')
    assert not is_shipped('anywhere.pth') and not is_shipped(None)


def test_absent_weights_are_refused_with_the_way_out(tmp_path):
    with pytest.raises(CheckpointError, match='do not come with this installation.*make weights'):
        shipped_files('anywhere', tmp_path)


@there
@pytest.mark.parametrize('name', NAMES)
def test_they_are_small_and_what_their_sums_say(name):
    files = shipped_files(name)
    assert files.weights.stat().st_size < 5e6
    assert 'GroundDetector' in files.config


@there
def test_exchanged_weights_are_refused(tmp_path):
    shutil.copytree(FOLDER / 'anywhere', tmp_path / 'anywhere')
    with open(tmp_path / 'anywhere' / WEIGHTS, 'r+b') as stream:
        stream.seek(-4, 2)
        stream.write(b'else')
    with pytest.raises(CheckpointError, match='damaged or exchanged'):
        shipped_files('anywhere', tmp_path)


def test_a_recommended_score_is_a_number():
    assert threshold_in(dict(score_threshold=.44)) == .44
    assert threshold_in(dict(score_threshold=1)) == 1.
    assert threshold_in({}) is None and threshold_in(dict(score_threshold='high')) is None


@there
def test_they_find_cars_of_a_sweep_they_never_saw_in_its_own_frame(tmp_path):
    simulate_anywhere(tmp_path, 1, seed=2801, val_fraction=1, show_progress=False)
    frame, = labeled_frames(tmp_path)
    detector = load_detector('anywhere', device='cpu')
    assert .2 < detector.score_threshold < .7
    found = detector(frame.points, score_threshold=detector.score_threshold)
    cars = frame.boxes[(frame.kinds == 'Car') & (np.hypot(*frame.boxes[:, :2].T) < 20)]
    boxes = found.boxes_3d[np.array(found.names) == 'Car']
    apart = np.linalg.norm(cars[:, None, :3] - boxes[None, :, :3], axis=-1).min(axis=1)
    assert (apart < 1).sum() >= 3  # 4 of 11
    mast = detector(frame.points - np.float32([0, 0, 4]), score_threshold=detector.score_threshold)
    np.testing.assert_allclose(mast.boxes_3d[:, 2], found.boxes_3d[:, 2] - 4, atol=.05)
