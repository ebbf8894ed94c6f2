"""Labeled frames of KITTI's own files."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.datasets.kitti.labeled_frames import labeled_frames
from sparse3d.errors import DataError
from sparse3d.structures.box_geometry import points_in_box


def test_real_frames_have_their_points_in_their_boxes(real_data_dir):
    frames = labeled_frames(real_data_dir / 'kitti')
    assert [frame.name for frame in frames] == ['000000', '000001', '000008']
    frame = frames[2]
    counts = [len(points_in_box(frame.points, box)) for box in frame.boxes]
    assert (frame.kinds == 'Car').sum() == len(frame.boxes) == 6
    assert min(counts) > 50
    assert frames[1].kinds.tolist() == ['LargeVehicle', 'Car', 'Cyclist']


def test_labels_end_at_the_edges_of_the_picture(real_data_dir):
    frame = labeled_frames(real_data_dir / 'kitti')[0]
    seen = frame.labeled(np.array([[20., 0, 0], [-20, 0, 0], [5, 20, 0]]))
    assert seen.tolist() == [True, False, False]


def test_a_folder_without_frames_is_refused(tmp_path):
    with pytest.raises(DataError, match='velodyne'):
        labeled_frames(tmp_path)
