"""Places of the inertial unit from latitude, longitude and angles."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.datasets.kitti.prepare.oxts import read_imu_poses
from sparse3d.errors import DataError


def write(path, rows):
    path.write_text(''.join(' '.join(map(str, [*row, *[0] * 24])) + '\n' for row in rows))
    return path


def test_a_thousandth_of_a_degree_is_so_many_meters(tmp_path):
    poses = read_imu_poses(write(tmp_path / 'o.txt', [
        (49.0, 8.4, 110.0, 0, 0, 0), (49.001, 8.4, 112.0, 0, 0, np.pi / 2),
        (49.0, 8.401, 110.0, 0.1, 0, 0)]))
    np.testing.assert_array_equal(poses[0], np.eye(4))
    np.testing.assert_allclose(poses[1, :3, 3], [0, 111.32, 2], atol=.02)  # north
    np.testing.assert_allclose(poses[1, :3, 0], [0, 1, 0], atol=1e-9)      # looks north
    np.testing.assert_allclose(poses[2, :3, 3], [73.03, 0, 0], atol=.02)   # east
    np.testing.assert_allclose(poses[2, :3, 2], [0, -np.sin(.1), np.cos(.1)], atol=1e-9)  # roll


def test_lines_that_are_none(tmp_path):
    path = tmp_path / 'o.txt'
    for text, words in (('', 'is empty'), ('1 2 3\n', 'line 1 of .* has 3 numbers'),
                        ('a ' * 30, 'line 1 of .*could not convert')):
        path.write_text(text)
        with pytest.raises(DataError, match=words):
            read_imu_poses(path)
