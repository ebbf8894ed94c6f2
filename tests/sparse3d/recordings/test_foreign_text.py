"""Names that somebody else chose, on the screen and on the disk."""
from __future__ import annotations

import pytest

from sparse3d.recordings.foreign_text import file_name, shown, shown_frame


@pytest.mark.parametrize('name', ['../../etc/passwd', '/abs/olute', 'a\x00b', '..', '.', '',
                                  'C:\\x', 'ü ber', '-rf', 'a' * 300])
def test_a_name_of_a_file_stays_in_its_folder(name, tmp_path):
    made = file_name(name)
    assert (tmp_path / made).parent == tmp_path and made and not set(made) & set('./\\\x00')
    assert len(made) <= 80


def test_the_screen_obeys_nobody():
    assert shown('/lidar\x1b[2J\n') == '/lidar\\x1b[2J\\n'
    assert shown('/lidar_top/points') == '/lidar_top/points' and len(shown('x' * 999)) < 130


def test_a_frame_without_a_name_is_said_to_be_one():
    assert shown_frame('') == 'a frame without a name' and shown_frame('a\n') == 'a\\n'
