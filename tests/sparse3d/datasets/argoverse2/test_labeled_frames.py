"""Labeled frames of Argoverse 2's own files."""
from __future__ import annotations

import pytest

from sparse3d.datasets.argoverse2.categories import CLASSES, NOT_EVALUATED
from sparse3d.datasets.argoverse2.labeled_frames import KIND_OF, labeled_frames
from sparse3d.errors import DataError
from sparse3d.structures.box_geometry import points_in_box


def test_the_real_sweeps_have_their_points_in_their_boxes(real_data_dir):
    frames = labeled_frames(real_data_dir / 'argoverse2')
    assert len(frames) == 2 and len(frames[0].boxes) == 81
    cars = frames[0].boxes[frames[0].kinds == 'Car']
    near = [box for box in cars if abs(box[0]) + abs(box[1]) < 20]
    assert min(len(points_in_box(frames[0].points, box)) for box in near) > 50


def test_only_categories_of_the_data_set_are_named():
    assert set(KIND_OF) <= {*CLASSES, *NOT_EVALUATED}


def test_a_folder_without_frames_is_refused(tmp_path):
    with pytest.raises(DataError, match='annotations.feather'):
        labeled_frames(tmp_path)
