"""Results of drives in KITTI's tracking layout, in each of the ways they are written."""
from __future__ import annotations

import pytest

import sparse3d.register  # noqa: F401
from sparse3d.datasets.kitti.results import ResultFolder
from sparse3d.errors import DataError
from tracked_entries import entries

LINE = 'Car -1 -1 -1.5 500 150 700 300 1.6 1.8 4.0 -2.0 1.5 10.0 -1.57 0.7'
FRAME = dict(entries('kitti')[2], lidar_path='0003/000002.bin')


@pytest.mark.parametrize('name', ['0003_000002.txt', '0003/000002.txt'])
def test_a_file_for_each_frame(tmp_path, name):
    (tmp_path / '0003').mkdir()
    (tmp_path / name).write_text(LINE + '\n')
    found = ResultFolder(tmp_path)(FRAME)
    assert found.names == ['Car'] and found.track_ids is None and abs(found.scores[0] - .7) < 1e-6
    assert ResultFolder(tmp_path)(dict(FRAME, frame=1)) is None


def test_a_file_for_each_sequence_with_ids(tmp_path):
    (tmp_path / '0003.txt').write_text(f'2 9 {LINE}\n3 9 {LINE}\n')
    of_sample = ResultFolder(tmp_path)
    assert of_sample(FRAME).track_ids.tolist() == [9]
    assert len(of_sample(dict(FRAME, frame=0))) == 0  # nothing found there
    (tmp_path / '0003.txt').write_text(f'2 -1 {LINE}\n')
    assert ResultFolder(tmp_path)(FRAME).track_ids is None


def test_a_damaged_line_is_named(tmp_path):
    (tmp_path / '0003.txt').write_text(f'2 x {LINE}\n')
    with pytest.raises(DataError, match='line 1 has the frame 2 and the track x'):
        ResultFolder(tmp_path)(FRAME)


def test_frames_that_nobody_asks_for_are_known(tmp_path):
    """A line of a frame that the info file lacks is not passed over in silence."""
    (tmp_path / '0003.txt').write_text(f'2 9 {LINE}\n7 9 {LINE}\n')
    (tmp_path / '0004.txt').write_text(f'0 9 {LINE}\n')
    for name in ('readme.txt', 'pedestrian_summary.txt'):  # beside them, of other tools
        (tmp_path / name).write_text('HOTA 0.5\n')
    folder = ResultFolder(tmp_path)
    folder(FRAME)
    assert folder.unread == {'0003_000007', '0004_000000'}
    alone = tmp_path / 'alone'
    alone.mkdir()
    for name in ('0003_000002', '0003_000008'):
        (alone / f'{name}.txt').write_text(LINE + '\n')
    folder = ResultFolder(alone)
    folder(FRAME)
    assert folder.unread == {'0003_000008'}


def test_files_of_the_object_benchmark_that_nobody_asks_for(tmp_path):
    for name in ('000001', '000002'):
        (tmp_path / f'{name}.txt').write_text(LINE + '\n')
    folder = ResultFolder(tmp_path)
    folder(dict(lidar2cam=FRAME['images']['CAM2']['lidar2cam'], lidar_path='000001.bin'))
    assert folder.unread == {'000002'}
