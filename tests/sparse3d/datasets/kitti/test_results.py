"""Result files for the KITTI server."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.datasets.kitti.evaluate import KittiObjects, evaluate_kitti
from sparse3d.datasets.kitti.evaluate.annotations import EMPTY
from sparse3d.datasets.kitti.prepare.text import read_labels
from sparse3d.datasets.kitti.results import format_detections, write_submission
from sparse3d.errors import DataError

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
