from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sparse3d.errors import DataError
from sparse3d.visualization.drive_animation import write_animation


def test_an_animated_picture_keeps_its_frames_and_its_size(tmp_path):
    made = np.random.default_rng(0)
    images = [made.integers(0, 255, (240, 480, 3), np.uint8) for _ in range(4)]
    path = tmp_path / 'deep' / 'drive.webp'
    assert write_animation(images, path, 2, max_bytes=10**6) == 480
    with Image.open(path) as picture:
        picture.seek(1)
        picture.load()
        assert picture.n_frames == 4 and picture.info['duration'] == 500
    assert write_animation(images, path, 2, max_bytes=60_000) < 480
    assert path.stat().st_size <= 60_000


def test_what_is_no_animated_picture(tmp_path):
    with pytest.raises(DataError, match='.webp file, not a.gif'):
        write_animation([], tmp_path / 'a.gif')
    with pytest.raises(DataError, match='no pictures'):
        write_animation([], tmp_path / 'a.webp')
    noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8)
    with pytest.raises(DataError, match='do not fit'):
        write_animation([noise], tmp_path / 'a.webp', max_bytes=100)
    assert list(tmp_path.iterdir()) == []
