"""Result files for the KITTI server."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.datasets.kitti.evaluate import KittiObjects, evaluate_kitti
from sparse3d.datasets.kitti.evaluate.annotations import EMPTY
from sparse3d.datasets.kitti.prepare.text import read_calibration, read_labels
from sparse3d.datasets.kitti.results import format_detections, write_submission
from sparse3d.errors import DataError
from sparse3d.structures.detections import Detections

CAR = KittiObjects.from_arrays(dict(
    name=['Car'], bbox=[[10, 20, 110, 120.5]], location=[[1, 1.5, 20]],
    dimensions=[[4, 1.5, 1.8]], rotation_y=[0.3], alpha=[0.25], score=[0.875]))


def test_a_line_by_hand():
    assert format_detections(CAR) == (
        'Car -1 -1 0.2500 10.0000 20.0000 110.0000 120.5000 1.5000 1.8000 4.0000 '
        '1.0000 1.5000 20.0000 0.3000 0.875000\n')


def test_files_read_back_and_score_the_same(tmp_path):
    write_submission({row: CAR for row in range(50)}, tmp_path)
    back = [KittiObjects.from_labels(read_labels(path)) for path in sorted(tmp_path.iterdir())]
    scores = evaluate_kitti(back, [CAR] * 50, ['Car']).average_precision
    assert scores['Car_3D_R40_easy'] == pytest.approx(100)
    np.testing.assert_allclose(back[0].dimensions, CAR.dimensions)


def test_every_frame_gets_a_file(tmp_path):
    write_submission({7: CAR, 12: EMPTY}, tmp_path / 'new' / 'folder')
    files = {path.name: path.read_text() for path in (tmp_path / 'new' / 'folder').iterdir()}
    assert set(files) == {'000007.txt', '000012.txt'}
    assert files['000012.txt'] == ''


def test_a_folder_that_cannot_be_is_named(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(DataError, match='file'):
        write_submission({0: CAR}, tmp_path / 'file')


def test_a_full_disk_leaves_no_half_file(tmp_path, monkeypatch):
    import os

    def full(*_):
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(os, 'replace', full)
    with pytest.raises(DataError, match='No space left'):
        write_submission({0: CAR}, tmp_path)
    assert list(tmp_path.iterdir()) == []


LABELS = ('Car 0.00 0 1.85 387 181 423 203 1.60 1.80 4.00 -2.00 1.70 20.00 -1.57\n'
          'DontCare -1 -1 -10 503 169 590 190 -1 -1 -1 -1000 -1000 -1000 -10\n'
          'Person_sitting 0.00 1 1.85 38 181 42 203 1.20 0.60 0.80 3.00 1.70 10.00 0.00\n')


@pytest.mark.parametrize('ending', ['\n', '\r\n'])
def test_official_labels_are_detections(tmp_path, ending):
    path = tmp_path / '000007.txt'
    path.write_bytes(LABELS.replace('\n', ending).encode())
    found = Detections.read(path, 'kitti')
    assert (found.names, found.scores.tolist(), found.name) == (
        ['Car', 'Person_sitting'], [1, 1], '000007')
    # a camera in the place of the LiDAR: x = z, y = -x, z = -y of the camera frame
    np.testing.assert_allclose(found.boxes_3d[0], [20, 2, -1.7, 4, 1.8, 1.6, 0], atol=1e-3)


def test_official_results_keep_their_scores_and_come_back(tmp_path):
    line = LABELS.splitlines()[0]
    (tmp_path / 'a.txt').write_text(f'{line} 0.25\n{line} 0.00\n')
    found = Detections.read(tmp_path / 'a.txt', 'kitti')
    assert found.scores.tolist() == [0.25, 0]
    found.save(tmp_path / 'b.txt')
    again = Detections.read(tmp_path / 'b.txt', 'kitti')
    np.testing.assert_allclose(again.boxes_3d, found.boxes_3d, atol=1e-3)
    assert again.scores.tolist() == [0.25, 0]


def test_boxes_of_official_labels_lie_where_the_camera_says(tmp_path, small_kitti):
    root = small_kitti.root / 'training'
    lidar2cam = read_calibration(root / 'calib/000003.txt').lidar2cam
    found = Detections.read(root / 'label_2/000003.txt', 'kitti', dict(lidar2cam=lidar2cam))
    np.testing.assert_allclose(found.boxes_3d[0], [12, 2, -1.7, 4, 1.7, 1.5, 0.3], atol=1e-3)


@pytest.mark.parametrize('text, message', [
    (LABELS.replace('Person_sitting', 'Bus'), "line 3 has the unknown type 'Bus'"),
    ('1 2 3\n', 'line 1 has 3 columns')])
def test_what_is_no_official_file_is_named(tmp_path, text, message):
    (tmp_path / 'a.txt').write_text(text)
    with pytest.raises(DataError, match=message):
        Detections.read(tmp_path / 'a.txt', 'kitti')
    with pytest.raises(DataError, match='a.txt does not exist'):
        Detections.read(tmp_path / 'none' / 'a.txt', 'kitti')


def test_a_name_in_place_of_names_is_refused(tmp_path):
    (tmp_path / 'a.txt').write_text(LABELS)
    with pytest.raises(DataError, match="no format 'Car'"):
        Detections.read(tmp_path / 'a.txt', 'Car')
    with pytest.raises(DataError, match='class_names is a list'):
        Detections.read(tmp_path / 'a.txt', 'dicts')


def test_a_frame_with_a_name_gets_a_file_of_that_name(tmp_path):
    write_submission({'drive 1': CAR, '01': EMPTY, 1: EMPTY}, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {'drive 1.txt', '01.txt', '000001.txt'}
