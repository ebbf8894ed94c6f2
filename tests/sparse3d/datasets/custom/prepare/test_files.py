"""Files of a custom data set that would be looked past, and calibrations that cannot be meant."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparse3d.datasets.custom.prepare.files import find_frames, left_over_files, read_calibration
from sparse3d.errors import DataError

CAMERA = dict(cam2img=[[100, 0, 80], [0, 100, 45], [0, 0, 1]],
              lidar2cam=[[0, -1, 0, 0], [0, 0, -1, 1], [1, 0, 0, 0], [0, 0, 0, 1]])


@pytest.fixture
def root(tmp_path) -> Path:
    """Two frames with a cloud, a box file and a picture; nothing of it is read here."""
    for name in ('points/a.npy', 'points/b.npy', 'boxes/a.csv', 'boxes/b.csv',
                 'images/FRONT/a.png', 'images/FRONT/b.png'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b'')
    return tmp_path


@pytest.mark.parametrize(('file', 'moved', 'message'), [
    ('points/a.npy', 'points/drive/a.npy', 'all files of points lie right in it.*drive_a.npy'),
    ('boxes/a.csv', 'boxes/drive/deeper/a.csv', 'all files of boxes lie right in it'),
    ('images/FRONT/a.png', 'images/FRONT/drive/a.png', 'all files of images/FRONT lie right'),
    ('images/FRONT/a.png', 'images/a.png', r'pictures of no camera \(a.png\).*images/<camera>/a'),
])
def test_files_in_another_place_are_not_looked_past(root, file, moved, message):
    (root / moved).parent.mkdir(parents=True, exist_ok=True)
    (root / file).rename(root / moved)
    with pytest.raises(DataError, match=message):
        find_frames(root)


def test_clouds_in_folders_do_not_make_frames_of_pictures_alone(root):
    (root / 'points/drive').mkdir()
    for name in ('a.npy', 'b.npy'):
        (root / 'points' / name).rename(root / 'points/drive' / name)
    with pytest.raises(DataError, match='points/drive/a.npy lies in a folder of its own'):
        find_frames(root)


def test_a_root_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match='absent is no folder; give the one that holds points/'):
        find_frames(tmp_path / 'absent')


def test_what_is_left_out_is_said_with_the_reason(root):
    (root / 'boxes/b.csv').rename(root / 'boxes/b.txt')
    (root / 'images/FRONT/b.png').rename(root / 'images/FRONT/b.webp')
    (root / 'labels').mkdir()
    (root / '.git').mkdir()
    assert left_over_files(root, find_frames(root)) == [
        '1 files of boxes do not end in .csv, .json and are left out: b.txt',
        '1 files of images/FRONT do not end in .png, .jpg, .jpeg and are left out: b.webp',
        'folders that are not read: labels']


@pytest.mark.parametrize(('change', 'message'), [
    (dict(lidar2cam=[[0, -1, 0], [0, 0, -1], [1, 0, 0]]),
     r'lidar2cam of FRONT has the shape \(3, 3\), not \(3, 4\) or \(4, 4\)'),
    (dict(cam2img=[[-100, 0, 80], [0, 100, 45], [0, 0, 1]]), 'focal lengths -100 and 100'),
    (dict(cam2img=[[0.6, 0, 0.5], [0, 0.6, 0.5], [0, 0, 1]]), 'center at 0.5, 0.5.*write pixels'),
])
def test_matrices_that_cannot_be_meant(root, change, message):
    (root / 'calibration.json').write_text(json.dumps({'FRONT': {**CAMERA, **change}}))
    with pytest.raises(DataError, match=message):
        read_calibration(root)


def test_an_absent_calibration_or_matrix_is_said_with_its_layout(root):
    with pytest.raises(DataError, match='does not exist, and there are pictures; write .*cam2img'):
        read_calibration(root)
    (root / 'calibration.json').write_text(json.dumps({'FRONT': dict(CAMERA, cam2img=None)}))
    with pytest.raises(DataError, match='cam2img of FRONT'):
        read_calibration(root)
    (root / 'calibration.json').write_text('{"FRONT": {"cam2img": []}}')
    with pytest.raises(DataError, match='FRONT has no lidar2cam; write'):
        read_calibration(root)


@pytest.mark.parametrize('name', ['points/a.npy', 'boxes/a.csv'])
def test_links_to_nothing_and_folders_called_like_files_are_no_absent_frames(root, name):
    """They were looked past, and with them a frame or its labels."""
    (root / name).unlink()
    (root / name).symlink_to('/nowhere/a')
    with pytest.raises(DataError, match=f'{name} is a link to /nowhere/a, which is not there'):
        find_frames(root)
    (root / name).unlink()
    (root / name).mkdir()
    with pytest.raises(DataError, match=f'{name} is a folder, not a file'):
        find_frames(root)
