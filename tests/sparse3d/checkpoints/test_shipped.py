"""Weights that come with Sparse3D: there, whole, small, and refused otherwise."""
from __future__ import annotations

import shutil

import pytest

from sparse3d.checkpoints.hub import WEIGHTS
from sparse3d.checkpoints.shipped import FOLDER, NAMES, is_shipped, shipped_files
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
