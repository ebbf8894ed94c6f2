"""Cameras of a custom data set: calibration and pictures that cannot be right are said."""
from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from sparse3d.datasets.custom.check import check_custom
from sparse3d.datasets.custom.prepare.frames import CustomPreparation, prepare_custom
from sparse3d.errors import DataError

AHEAD = [[0, -1, 0, 0], [0, 0, -1, 1], [1, 0, 0, 0], [0, 0, 0, 1]]
BEHIND = [[0, 1, 0, 0], [0, 0, -1, 1], [-1, 0, 0, 0], [0, 0, 0, 1]]
GOOD = dict(cam2img=[[100, 0, 80], [0, 100, 45], [0, 0, 1]], lidar2cam=AHEAD)
NOTHING = float('nan')


@pytest.fixture
def own(tmp_path) -> Path:
    """Four frames with a car ahead and two cameras."""
    root, draw = tmp_path / 'own', np.random.default_rng(0)
    for folder in ('points', 'boxes', 'images/FRONT', 'images/REAR'):
        (root / folder).mkdir(parents=True)
    for name in ('000', '001', '002', '003'):
        cloud = draw.uniform([8, -1, 0, 0], [12, 1, 2, 1], (60, 4)).astype(np.float32)
        np.save(root / f'points/{name}.npy', cloud)
        (root / f'boxes/{name}.csv').write_text(
            'class,x,y,z_bottom,dx,dy,dz,yaw\nCar,10,0,0,4,2,2,0\n')
        for camera in ('FRONT', 'REAR'):
            picture = draw.integers(0, 255, (90, 160, 3)).astype(np.uint8)
            cv2.imwrite(str(root / f'images/{camera}/{name}.png'), picture)
    calibrate(root)
    return root


def calibrate(root: Path, **front) -> None:
    (root / 'calibration.json').write_text(json.dumps(dict(
        FRONT={**GOOD, **front}, REAR=dict(GOOD, lidar2cam=BEHIND))))


def test_a_good_rig_passes(own):
    prepare_custom(own)
    report = check_custom(own)
    assert not report.problems
    assert 'train: 3 of 3 boxes project into a picture (FRONT 3, REAR 0)' in str(report)


@pytest.mark.parametrize(('change', 'message'), [
    (dict(cam2img=[[NOTHING] * 3] * 3), 'cam2img of FRONT holds NaN'),
    (dict(cam2img=[[0] * 3] * 3), 'cam2img of FRONT .*cannot be inverted'),
    (dict(cam2img=np.transpose(GOOD['cam2img']).tolist()), 'cam2img of FRONT .*transposed'),
    (dict(lidar2cam=np.transpose(AHEAD).tolist()), 'lidar2cam of FRONT .*transposed'),
    (dict(lidar2cam=(np.diag([2, 2, 2, 1]) @ AHEAD).tolist()), 'no rotation and translation'),
    (dict(lidar2cam=(np.diag([-1, 1, 1, 1]) @ AHEAD).tolist()), 'lidar2cam of FRONT mirrors'),
    (dict(distortion=[.3, 0, 0, 0, 0]), "nobody reads 'distortion' of FRONT.*undistort"),
    (dict(lidar2cam_typo=AHEAD), "nobody reads 'lidar2cam_typo' of FRONT"),
    (dict(cam2img='camera.yaml'), 'cam2img of FRONT'),
    (dict(lidar2cam=dict(a=1)), 'lidar2cam of FRONT'),
])
def test_a_calibration_that_cannot_be_is_refused(own, change, message):
    calibrate(own, **change)
    with pytest.raises(DataError, match=message):
        prepare_custom(own)


def test_a_rig_that_looks_away_is_found(own):
    calibrate(own, lidar2cam=BEHIND)
    prepare_custom(own)
    problems = check_custom(own).problems
    assert any('none of the 3 boxes of train projects into a picture of FRONT, REAR' in text
               for text in problems)


def test_damaged_pictures_are_refused_left_out_and_found(own):
    picture = own / 'images/FRONT/000.png'
    whole = picture.read_bytes()
    prepare_custom(own)
    picture.write_bytes(whole[:-50])
    assert any('images/FRONT/000.png is damaged: it was cut short' in text
               for text in check_custom(own).problems)
    with pytest.raises(DataError, match=r'000\.png is damaged: it was cut short'):
        prepare_custom(own)
    report = prepare_custom(own, CustomPreparation(skip_damaged=True))
    assert report.frames == {'train': 2, 'val': 1} and len(report.damaged) == 1
    assert not check_custom(own).problems


def test_a_picture_that_is_none_is_found(own):
    (own / 'images/REAR/000.png').write_bytes(b'no picture')
    prepare_custom(own)
    assert any('REAR/000.png' in text and 'no picture' in text
               for text in check_custom(own).problems)


@pytest.mark.parametrize('scale', [2, 0.5])
def test_a_matrix_of_pictures_of_another_size_is_found(own, scale):
    calibrate(own, cam2img=(np.diag([scale, scale, 1]) @ GOOD['cam2img']).tolist())
    prepare_custom(own)
    assert any('cam2img of FRONT has its center at' in text and 'train have 160 x 90' in text
               for text in check_custom(own).problems)


def test_a_picture_that_was_cropped_at_the_top_is_none_of_another_size(own):
    calibrate(own, cam2img=[[100, 0, 80], [0, 100, 5], [0, 0, 1]])
    prepare_custom(own)
    assert not any('center' in text for text in check_custom(own).problems)


def test_pictures_of_two_sizes_under_one_calibration_are_found(own):
    cv2.imwrite(str(own / 'images/FRONT/001.png'), np.zeros((45, 80, 3), np.uint8))
    prepare_custom(own)
    assert any('pictures of FRONT in train have other sizes' in text
               and '160 x 90, and images/FRONT/001.png 80 x 45' in text
               for text in check_custom(own).problems)


def test_cameras_without_pictures_and_names_in_another_case_are_said(own):
    content = json.loads((own / 'calibration.json').read_text())
    (own / 'calibration.json').write_text(json.dumps({**content, 'LEFT': GOOD}))
    assert 'cameras of calibration.json without a picture: LEFT' in str(prepare_custom(own))
    content['front'] = content.pop('FRONT')
    (own / 'calibration.json').write_text(json.dumps(content))
    with pytest.raises(DataError, match='nothing of the camera FRONT.*write the name as that of'):
        prepare_custom(own)


def test_every_picture_that_is_none_is_found(own):
    for name in ('001', '002'):
        (own / f'images/FRONT/{name}.png').write_bytes(b'<html>404 not found</html>')
    prepare_custom(own)
    problems = ' '.join(check_custom(own).problems)
    assert 'FRONT/001.png is damaged or no picture' in problems
    assert 'FRONT/002.png is damaged or no picture' in problems
