"""Results of drives in KITTI's tracking layout, in each of the ways they are written."""
from __future__ import annotations

import pytest

import sparse3d.register  # noqa: F401
from sparse3d.datasets.kitti.results import open_folder
from sparse3d.errors import DataError
from tracked_entries import entries

LINE = 'Car -1 -1 -1.5 500 150 700 300 1.6 1.8 4.0 -2.0 1.5 10.0 -1.57 0.7'
FRAME = dict(entries('kitti')[2], lidar_path='0003/000002.bin')


@pytest.mark.parametrize('name', ['0003_000002.txt', '0003/000002.txt'])
def test_a_file_for_each_frame(tmp_path, name):
    (tmp_path / '0003').mkdir()
    (tmp_path / name).write_text(LINE + '\n')
    found = open_folder(tmp_path)(FRAME)
    assert found.names == ['Car'] and found.track_ids is None and abs(found.scores[0] - .7) < 1e-6
    assert open_folder(tmp_path)(dict(FRAME, frame=1)) is None


def test_a_file_for_each_sequence_with_ids(tmp_path):
    (tmp_path / '0003.txt').write_text(f'2 9 {LINE}\n3 9 {LINE}\n')
    of_sample = open_folder(tmp_path)
    assert of_sample(FRAME).track_ids.tolist() == [9]
    assert len(of_sample(dict(FRAME, frame=0))) == 0  # nothing found there
    (tmp_path / '0003.txt').write_text(f'2 -1 {LINE}\n')
    assert open_folder(tmp_path)(FRAME).track_ids is None


def test_a_damaged_line_is_named(tmp_path):
    (tmp_path / '0003.txt').write_text(f'2 x {LINE}\n')
    with pytest.raises(DataError, match='line 1 has the frame 2 and the track x'):
        open_folder(tmp_path)(FRAME)
