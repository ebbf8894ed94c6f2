"""Simulated sweeps as custom data: the same bytes, resumable, places apart, labels that hold."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sparse3d.datasets.custom.prepare.labels import read_boxes
from sparse3d.datasets.custom.simulate.anywhere import simulate_anywhere
from sparse3d.datasets.custom.simulate.options import AnywhereOptions
from sparse3d.errors import DataError
from sparse3d.structures.box_geometry import points_in_box
from sparse3d.structures.point_statistics import ground_height

OPTIONS = AnywhereOptions(sweeps_per_place=2, without=('plants', 'clutter'))


def files(root):
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob('*')
            if path.is_file() and path.suffix in ('.npy', '.csv', '.txt')}


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('anywhere')
    simulate_anywhere(root, 4, seed=3, val_fraction=.5, options=OPTIONS, show_progress=False)
    return root


def test_a_stopped_run_goes_on_to_the_same_bytes(root, tmp_path):
    simulate_anywhere(tmp_path, 1, seed=3, options=OPTIONS, show_progress=False)
    again = replace(OPTIONS, without=('clutter', 'plants', 'clutter'))  # the same, said otherwise
    simulate_anywhere(tmp_path, 4, seed=3, val_fraction=.5, options=again, show_progress=False)
    assert files(tmp_path) == files(root)


def test_a_place_is_for_training_or_for_validation(root):
    assert (root / 'splits/train.txt').read_text().split() == ['000000', '000001']
    assert (root / 'splits/val.txt').read_text().split() == ['000002', '000003']


def test_each_label_has_its_points_and_stands_near_the_ground(root):
    for number in range(4):
        points = np.load(root / f'points/{number:06d}.npy')
        names, boxes = read_boxes(root / f'boxes/{number:06d}.csv')
        assert points.dtype == np.float32 and points.shape[1] == 4 and len(names) > 3
        larger = boxes + [0, 0, -.15, .5, .5, .3, 0]
        assert min(len(points_in_box(points, box)) for box in larger) >= 3
        near = boxes[np.hypot(*boxes[:, :2].T) < 12]
        assert (np.abs(near[:, 2] - ground_height(points)) < 1.).all()


def test_another_simulation_in_the_folder_is_refused(root):
    with pytest.raises(DataError, match='another simulation'):
        simulate_anywhere(root, 4, seed=3, options=AnywhereOptions(without=('glass',)))


def test_options_out_of_range_are_refused(tmp_path):
    with pytest.raises(DataError, match='sweeps_per_place is 0'):
        AnywhereOptions(sweeps_per_place=0)
    with pytest.raises(DataError, match='no ingredient'):
        AnywhereOptions(without=('rain',))
    assert AnywhereOptions(sweeps_per_place=3).split(7, .4) == (3, 2)
    with pytest.raises(DataError, match='num_frames 0'):
        simulate_anywhere(tmp_path, 0)
