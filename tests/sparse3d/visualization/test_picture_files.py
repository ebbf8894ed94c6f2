"""Pictures written to where they can be, or refused in one sentence."""
from __future__ import annotations

import io

import pytest

from sparse3d.errors import DataError
from sparse3d.visualization.picture_files import write_picture


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / 'pictures').write_text('')
    with pytest.raises(DataError, match='folder .*pictures could not be made: File'):
        write_picture(tmp_path / 'pictures/a.png', io.BytesIO(b'1'))
    write_picture(tmp_path / 'new/a.png', io.BytesIO(b'1'))
    assert (tmp_path / 'new/a.png').read_bytes() == b'1'
