"""Formats of tracks by data set: labels, frames in order, and results that are read with ids."""
from __future__ import annotations

import numpy as np
import pytest

import sparse3d.register  # noqa: F401
from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.track_files import (
    TrackFormat,
    register_tracks,
    scenes_in_order,
    track_format,
)
from tracked_entries import CAR, NAMES, entries, pose

ALL = sorted(NAMES)


@pytest.mark.parametrize('name', ALL)
def test_frames_of_a_drive_in_order_of_time_with_poses(name):
    made = entries(name)
    scene, = scenes_in_order(made[::-1], track_format(name), 'infos.pkl')
    seconds = np.diff([frame.seconds for frame in scene])
    assert len({frame.name for frame in scene}) == 4 and (seconds > .05).all()
    assert [frame.pose[0, 3] for frame in scene] == [0, 1, 2, 3]
    np.testing.assert_array_equal(scene[2].pose, pose(2))


@pytest.mark.parametrize('name', ALL)
def test_labels_are_boxes_of_the_lidar_frame_with_one_identity(name):
    labels = [track_format(name).labels(entry) for entry in entries(name)]
    assert len({one.ids[0] for one in labels}) == 1 and labels[0].names == [NAMES[name]]
    np.testing.assert_allclose(labels[0].boxes_3d[0, :7], CAR, atol=1e-6)
    without = entries(name, 1)[0]
    del without['instances']
    assert track_format(name).labels(without) is None


@pytest.mark.parametrize('name', ALL)
def test_an_entry_without_its_pose_or_time_is_named(name):
    broken = entries(name)
    key = dict(custom='timestamp', kitti='sequence').get(name, 'ego2global')
    del broken[2][key]
    with pytest.raises(DataError, match='has no time|no drives|entry 2 of i.pkl has no ego2global'):
        scenes_in_order(broken, track_format(name), 'i.pkl')


def test_poses_of_some_frames_only_are_refused():
    made = entries('custom')
    del made[1]['lidar2global']
    with pytest.raises(DataError, match='1 of 4 frames of the scene drive in i.pkl have no pose'):
        scenes_in_order(made, track_format('custom'), 'i.pkl')


def test_a_format_that_is_there_or_not():
    with pytest.raises(DataError, match="data set 'lyft' cannot be written; there is argoverse2"):
        track_format('lyft')
    other = TrackFormat('', (), lambda entry: None, lambda *_: None, lambda entry: None)
    with pytest.raises(ConfigError, match="two formats of tracks are called 'waymo'"):
        register_tracks('waymo', other)
