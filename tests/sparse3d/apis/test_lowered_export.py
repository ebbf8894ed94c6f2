"""Which frames a graph is calibrated on; tests/end_to_end/test_lowered_exports.py does it."""
from __future__ import annotations

import pytest

from sparse3d.apis.lowered_export import export_lowered, groups_of_frames
from sparse3d.errors import ConfigError


def test_frames_come_in_groups_that_follow_each_other():
    assert groups_of_frames(8, 100) == [0, 1, 2, 3, 96, 97, 98, 99]
    assert groups_of_frames(4, 100) == [0, 1, 2, 3]
    assert groups_of_frames(32, 6) == [0, 1, 2, 3]
    assert groups_of_frames(32, 3) == [0, 1, 2]
    assert len(groups_of_frames(32, 33)) <= 32 and groups_of_frames(12, 40)[4:8] == [18, 19, 20, 21]


def test_no_frames_are_refused(tmp_path):
    with pytest.raises(ConfigError, match='0 frames to calibrate on; take 1 at least'):
        export_lowered('pointpillars_simulated_kitti_car', None, tmp_path / 'x', 'int8_static', 0)
    with pytest.raises(ConfigError, match='calibrated on real frames with trained weights'):
        export_lowered('pointpillars_simulated_kitti_car', None, tmp_path / 'x', 'int8_static')
    assert not list(tmp_path.iterdir())
