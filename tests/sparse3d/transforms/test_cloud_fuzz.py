"""Point clouds cut short at every byte: refused, whatever the format.

Other damage is in tests/sparse3d/test_damaged_files.py.
"""
from __future__ import annotations

import numpy as np
import pytest

from damaged_clouds import NAMES, cloud_contents, cloud_rows
from sparse3d.errors import DataError
from sparse3d.transforms.cloud_files import read_cloud


@pytest.mark.parametrize('name', NAMES)
def test_whole_files_are_read_and_every_truncation_is_refused(tmp_path, name):
    rows = cloud_rows()
    content, path = cloud_contents(rows)[name], tmp_path / name
    path.write_bytes(content)
    wanted = np.column_stack([rows[key] for key in ('x', 'y', 'z', 'intensity')])
    np.testing.assert_allclose(read_cloud(path), wanted, rtol=1e-6)
    for size in range(len(content)):
        path.write_bytes(content[:size])
        with pytest.raises(DataError, match=name):
            read_cloud(path)
