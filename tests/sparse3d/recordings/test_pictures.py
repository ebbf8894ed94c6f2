"""Pictures of every encoding, and lenses against OpenCV and by hand."""
from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed (extra recordings)')

from recorded_drive import header, message
from sparse3d.errors import DataError
from sparse3d.recordings.pictures import Lens, picture_of
from sparse3d.recordings.simulated_messages import camera_info

RED = np.zeros((4, 6, 3), np.uint8)
RED[..., 0] = 200


def image(pixels, encoding, padding=0):
    rows = pixels.reshape(len(pixels), -1)
    rows = np.pad(rows, ((0, 0), (0, padding)))
    return message('sensor_msgs/msg/Image', header=header(0, 'camera'), height=pixels.shape[0],
                   width=pixels.shape[1], encoding=encoding, is_bigendian=0, step=rows.shape[1],
                   data=rows.reshape(-1))


@pytest.mark.parametrize('encoding, pixels', [
    ('rgb8', RED), ('bgr8', RED[..., ::-1]), ('8UC3', RED[..., ::-1]),
    ('rgba8', np.dstack([RED, np.full((4, 6), 255, np.uint8)])),
    ('bgra8', np.dstack([RED[..., ::-1], np.full((4, 6), 255, np.uint8)]))])
def test_red_is_red_also_in_padded_rows(encoding, pixels):
    for padding in (0, 5):
        np.testing.assert_array_equal(
            picture_of(image(np.ascontiguousarray(pixels), encoding, padding), '/camera'), RED)


@pytest.mark.parametrize('encoding, red', [('bayer_rggb8', (0, 0)), ('bayer_bggr8', (1, 1)),
                                           ('bayer_gbrg8', (1, 0)), ('bayer_grbg8', (0, 1))])
def test_red_is_red_behind_a_bayer_filter(encoding, red):
    mosaic = np.zeros((8, 8), np.uint8)
    mosaic[red[0]::2, red[1]::2] = 200
    found = picture_of(image(mosaic, encoding), '/camera')[2:-2, 2:-2].reshape(-1, 3)
    assert found[:, 0].min() == 200 and found[:, 1:].max() == 0


def test_gray_and_compressed():
    gray = picture_of(image(np.full((4, 6), 9, np.uint8), 'mono8'), '/camera')
    assert gray.shape == (4, 6, 3) and (gray == 9).all()
    png = cv2.imencode('.png', RED[..., ::-1])[1].reshape(-1)
    made = message('sensor_msgs/msg/CompressedImage', header=header(0, 'camera'), format='png',
                   data=png)
    np.testing.assert_array_equal(picture_of(made, '/camera'), RED)
    made.data = png[:40]
    with pytest.raises(DataError):
        picture_of(made, '/camera')


def test_what_cannot_be_a_picture_is_refused():
    with pytest.raises(DataError, match="have the encoding '32FC1', which is not read here"):
        picture_of(image(np.zeros((4, 24), np.uint8), '32FC1'), '/depth')
    cut = image(RED, 'rgb8')
    cut.data = cut.data[:-1]
    with pytest.raises(DataError, match='declares 4 x 6 pixels in rows of 18 bytes and has 71'):
        picture_of(cut, '/camera')


def info(bend=(), model='plumb_bob', width=64, height=48):
    matrix = np.array([[50.0, 0, 32], [0, 50, 24], [0, 0, 1]])
    made = camera_info(matrix, width, height, 0, 'camera')
    made.d, made.distortion_model = np.array(bend, float), model
    made.p[0] = 45.0
    return made


def test_a_straight_lens_leaves_the_picture_alone():
    lens, picture = Lens(info()), np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    assert not lens.bent and lens.straightened(picture) is picture and lens.matrix[0, 0] == 50
    half = lens.matrix_for(picture[::2, ::2])
    np.testing.assert_allclose(half[:2], lens.matrix[:2] / 2)


@pytest.mark.parametrize('model, bend', [('plumb_bob', (-.3, .1, 0, 0, 0)),
                                         ('equidistant', (.1, .01, 0, 0))])
def test_a_line_of_a_bent_picture_becomes_straight(model, bend):
    """Points on a line at one depth, projected with the lens's distortion."""
    matrix = np.array([[50.0, 0, 32], [0, 50, 24], [0, 0, 1]])
    line = np.stack([np.linspace(-.5, .5, 400), np.full(400, -.3), np.ones(400)], -1)[:, None]
    project = cv2.fisheye.projectPoints if model == 'equidistant' else cv2.projectPoints
    pixels = project(line, np.zeros(3), np.zeros(3), matrix, np.array(bend, float))[0]
    pixels = pixels.reshape(-1, 2)
    picture = np.zeros((48, 64, 3), np.uint8)
    for u, v in np.round(pixels).astype(int):
        if 0 <= u < 64 and 0 <= v < 48:
            picture[v, u] = 255
    lens = Lens(info(bend, model))
    rows, columns = np.nonzero(lens.straightened(picture)[..., 0] > 90)
    inside = (columns > 12) & (columns < 52)
    assert lens.bent and inside.sum() > 25 and np.ptp(np.nonzero(picture[..., 0])[0]) >= 1
    assert abs(rows[inside] - (24 - 15)).max() <= 1


def test_rectified_pictures_have_the_matrix_of_the_projection():
    lens = Lens(info((-.3, .1, 0, 0, 0)), rectified=True)
    assert not lens.bent and lens.matrix[0, 0] == 45


def test_a_camera_that_nobody_calibrated_is_refused():
    nothing = info()
    nothing.k[:] = 0
    with pytest.raises(DataError, match='has no focal length; calibrate the camera'):
        Lens(nothing)


@pytest.mark.parametrize('bend, model', [
    ((.01, .02), 'plumb_bob'), ((.01, .02, 0, 0, .03, .04), 'rational_polynomial'),
    ((.01, .02), 'equidistant'), ((.01, .02, 0, 0) + (0, ) * 16, 'plumb_bob')])
def test_numbers_that_a_driver_leaves_out_are_zeros(bend, model):
    picture = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    count = 4 if model == 'equidistant' else 14
    whole = np.pad(np.trim_zeros(np.array(bend), 'b'), (0, count))[:count]
    np.testing.assert_array_equal(Lens(info(bend, model)).straightened(picture),
                                  Lens(info(whole, model)).straightened(picture))


@pytest.mark.parametrize('bend, model, words', [
    ((.1, ) * 5, 'double_\x1bsphere', r"distortion model 'double_\\x1bsphere', which is not read"),
    ((.1, ) * 15, 'plumb_bob', 'has 15 numbers or NaN'), ((.1, ) * 5, 'equidistant', 'has 5'),
    ((np.nan, ) * 5, 'plumb_bob', 'numbers or NaN')])
def test_a_distortion_that_is_not_read_is_refused_unless_pictures_are_straight(bend, model, words):
    with pytest.raises(DataError, match=words):
        Lens(info(bend, model))
    assert not Lens(info(bend, model), rectified=True).bent
    assert not Lens(info((0, 0, 0, 0, 0), model)).bent


def test_a_focal_length_that_cannot_be_is_refused():
    far = info()
    far.k[0] = 1e300
    with pytest.raises(DataError, match='has no focal length'):
        Lens(far)


def test_an_odd_row_of_yuv_is_refused_and_names_are_shown_as_text():
    with pytest.raises(DataError, match='declares 3 x 5 pixels, which yuv422 cannot have'):
        picture_of(image(np.zeros((3, 5, 2), np.uint8), 'yuv422'), '/camera')
    broken = message('sensor_msgs/msg/CompressedImage', header=header(0, 'c'), format='png',
                     data=np.zeros(9, np.uint8))
    with pytest.raises(DataError, match=r'the picture /\\x1b\[2J\\n is damaged'):
        picture_of(broken, '/\x1b[2J\n')
