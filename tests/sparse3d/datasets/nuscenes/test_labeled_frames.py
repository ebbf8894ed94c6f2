"""Labeled frames of nuScenes from an info file."""
from __future__ import annotations

import pytest

from sparse3d.datasets.nuscenes.labeled_frames import labeled_frames
from sparse3d.errors import DataError
from sparse3d.structures.box_geometry import points_in_box


def test_the_real_frame_has_its_points_in_its_boxes(real_data_dir):
    frame, = labeled_frames(real_data_dir / 'nuscenes_frame')
    counts = [len(points_in_box(frame.points, box)) for box in frame.boxes]
    assert len(frame.boxes) == 69 and sum(count > 0 for count in counts) > 40
    large = frame.kinds == 'LargeVehicle'
    assert large.sum() == 4 and max(counts) == max(
        count for count, is_large in zip(counts, large, strict=True) if is_large)


def test_a_folder_without_frames_is_refused(tmp_path):
    with pytest.raises(DataError, match='info file'):
        labeled_frames(tmp_path)
