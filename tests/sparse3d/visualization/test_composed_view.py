"""Cameras stand where they look, whatever they are called."""
from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sparse3d.visualization import Boxes, Frame, Picture, draw_composed
from sparse3d.visualization.composed_view import camera_rows, compose

# Degrees to the left that the cameras of a data set look.
NUSCENES = dict(CAM_FRONT=0, CAM_FRONT_RIGHT=-55, CAM_FRONT_LEFT=55, CAM_BACK=180,
                CAM_BACK_LEFT=108, CAM_BACK_RIGHT=-108)
WAYMO = dict(FRONT=0, FRONT_LEFT=45, FRONT_RIGHT=-45, SIDE_LEFT=90, SIDE_RIGHT=-90)
ARGOVERSE2 = dict(ring_front_center=0, ring_front_left=45, ring_front_right=-45, ring_side_left=99,
                  ring_side_right=-99, ring_rear_left=153, ring_rear_right=-153,
                  stereo_front_left=0.1, stereo_front_right=-0.1)


def camera(name: str, degrees: float, size=(40, 64)) -> Picture:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle), 0, 0], [-np.sin(angle), np.cos(angle), 0, 0],
                     [0, 0, 1, 0], [0, 0, 0, 1]])
    height, width = size
    ahead = np.array([[width / 2, -30, 0, 0], [height / 2, 0, -30, 0], [1, 0, 0, 0],
                      [0, 0, 0, 1.0]])
    return Picture(name, np.full((*size, 3), 90, np.uint8), ahead @ turn)


def pictures(cameras: dict) -> tuple[Picture, ...]:
    return tuple(camera(name, degrees) for name, degrees in cameras.items())


@pytest.mark.parametrize('cameras, rows', [
    (NUSCENES, [['CAM_FRONT_LEFT', 'CAM_FRONT', 'CAM_FRONT_RIGHT'],
                ['CAM_BACK_LEFT', 'CAM_BACK', 'CAM_BACK_RIGHT']]),
    (WAYMO, [['SIDE_LEFT', 'FRONT_LEFT', 'FRONT', 'FRONT_RIGHT', 'SIDE_RIGHT']]),
    (ARGOVERSE2, [['ring_side_left', 'ring_front_left', 'ring_front_center', 'ring_front_right',
                   'ring_side_right'],
                  ['ring_rear_left', 'stereo_front_left', 'stereo_front_right',
                   'ring_rear_right']]),
    (dict(only=0), [['only']]), ({}, [])])
def test_places(cameras, rows):
    made = camera_rows(pictures(dict(reversed(cameras.items()))))
    assert [[picture.name for picture in row] for row in made] == rows


@pytest.mark.parametrize('cameras', [NUSCENES, {}])
def test_a_picture_of_all(tmp_path, cameras):
    box = np.array([[12.0, 0, -1, 4, 2, 1.6, 0]])
    frame = Frame('drive_7', np.zeros((0, 4)), ('Car',), Boxes(box, np.zeros(1, int)),
                  Boxes(box, np.zeros(1, int), np.ones(1)), pictures(cameras))
    image = compose(frame, width=480)
    assert image.shape[1] == 480 and image.shape[0] % 2 == 0
    gray = (image == 90).all(axis=-1)              # of the cameras
    assert (gray.sum() > 6000) == bool(cameras)
    draw_composed(frame, tmp_path / 'all.png', width=480)
    assert Image.open(tmp_path / 'all.png').size == (480, len(image))


def test_two_cameras_do_not_fill_the_page_beside_five():
    ring = {name: angle for name, angle in ARGOVERSE2.items() if 'stereo' not in name}
    box = np.array([[12.0, 0, -1, 4, 2, 1.6, 0]])
    frame = Frame('drive_7', np.zeros((0, 4)), ('Car',), Boxes(box, np.zeros(1, int)),
                  pictures=pictures(ring))
    gray = (compose(frame, width=960) == 90).all(axis=-1).sum(axis=1)      # of the cameras, by row
    rows = np.flatnonzero(gray > 100)
    assert len(rows) < 2.7 * 960 * 40 / 64 / 5
