"""Splits: names as people write them, and files that nobody would read."""
from __future__ import annotations

from pathlib import Path

import pytest

from sparse3d.datasets.custom.prepare.files import CustomFrame
from sparse3d.datasets.custom.prepare.splits import find_splits
from sparse3d.errors import DataError

FRAMES = [CustomFrame(name, None, Path('boxes') / f'{name}.csv') for name in ('a', 'b', 'c')]


@pytest.mark.parametrize('text', ['a.png\nb.JPG\n', 'FRONT/a.png\nimages\\FRONT\\b.jpeg\n',
                                  'points/a.npy\n/data/points/b.bin\n'])
def test_names_of_pictures_and_clouds_are_names_of_frames(tmp_path, text):
    (tmp_path / 'splits').mkdir()
    (tmp_path / 'splits/train.txt').write_text(text)
    assert find_splits(tmp_path, FRAMES, 0.2)[0] == {'train': ['a', 'b']}


@pytest.mark.parametrize('name', ['train.csv', 'train.json', 'train', 'training.lst'])
def test_a_split_that_is_no_text_is_not_passed_over(tmp_path, name):
    (tmp_path / 'splits').mkdir()
    (tmp_path / 'splits/README.md').write_text('how these were drawn')
    (tmp_path / 'splits' / name).write_text('a\n')
    with pytest.raises(DataError, match=rf'{name} is not read; write splits as text.*\.txt'):
        find_splits(tmp_path, FRAMES, 0.2)
