"""Frames of a running video: arrays or tensors; what is refused leaves no trace."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from sparse3d.errors import DataError
from sparse3d.structures.camera_frame import CameraFrame, checked_frame, refuse_other_units

GOOD = dict(images=np.zeros((2, 3, 32, 64), np.uint8), lidar2img=np.tile(np.eye(4), (2, 1, 1)),
            timestamps=np.zeros(2), lidar2global=np.eye(4))
NOTHING = float('nan')
PICTURES = np.linspace(0, 255, 2 * 3 * 32 * 64).reshape(2, 3, 32, 64)
MOVED = np.array([[1, 0, 0, 5.0], [0, 1, 0, 6], [0, 0, 1, 7], [0, 0, 0, 1]])


@pytest.mark.parametrize('images', [
    GOOD['images'], torch.zeros(2, 3, 32, 64), list(GOOD['images']),
    np.zeros((2, 32, 64, 3), np.float32).transpose(0, 3, 1, 2)])
def test_images_are_taken_as_arrays_and_tensors(images):
    frame = checked_frame(CameraFrame(**{**GOOD, 'images': images}))
    assert isinstance(frame.images, torch.Tensor) and frame.images.shape == (2, 3, 32, 64)
    assert frame.valid.all() and frame.lidar2global.dtype == np.float64


WRONG = [
    (dict(images=np.zeros((2, 32, 64, 3))), r'images .*\(2, 32, 64, 3\).*channels'),
    (dict(images=np.zeros((3, 32, 64))), r'images .*\(3, 32, 64\), not \(N, 3, H, W\)'),
    (dict(images='front.jpg'), 'images of the frame are neither'),
    (dict(images=[np.zeros((3, 4, 4)), np.zeros((3, 5, 4))]), 'images of the frame are neither'),
    (dict(images=np.zeros((1, 3, 32, 64))), r'lidar2img .*\(2, 4, 4\); with 1 images'),
    (dict(lidar2img=np.zeros((2, 3, 4))), r'lidar2img .*has to be \(2, 4, 4\)'),
    (dict(lidar2img=np.full((2, 4, 4), NOTHING)), 'lidar2img or timestamps .*not finite'),
    (dict(lidar2img='calibration'), 'lidar2img of the frame is no array of numbers'),
    (dict(timestamps=np.zeros(3)), r'timestamps .*has to be \(2,\)'),
    (dict(timestamps=[0, NOTHING]), 'lidar2img or timestamps .*not finite'),
    (dict(timestamps=np.full(2, 1_533_151_603_547_590)), 'seconds, these look like microseconds'),
    (dict(timestamps=np.full(2, 1_533_151_603_547)), 'seconds, these look like milliseconds'),
    (dict(timestamps=np.full(2, 1.5e18)), 'seconds, these look like nanoseconds'),
    (dict(lidar2global=np.eye(3)), r'lidar2global .*\(3, 3\).*has to be \(4, 4\)'),
    (dict(lidar2global=np.full((4, 4), NOTHING)), 'lidar2global .*NaN'),
    (dict(lidar2global=np.zeros((4, 4))), 'lidar2global .*cannot be inverted'),
    (dict(valid=np.ones(5, bool)), r'valid .*\(5,\).*has to be \(2,\)'),
    (dict(images=np.full((2, 3, 32, 64), NOTHING)), 'images .*NaN or infinity'),
    (dict(images=PICTURES / 255), 'reach from 0 to 1; 0 to 255 is needed'),
    (dict(images=PICTURES / 58 - 2), 'neither divided nor normalized'),
    (dict(images=PICTURES.astype(np.uint16) * 257), 'reach from 0 to 65535'),
    (dict(images=PICTURES > 99), 'strided bool; numbers of 0-255'),
    (dict(images=PICTURES.astype(complex)), 'complex'),
    (dict(images=torch.zeros(2, 3, 4, 4).to_sparse()), 'sparse_coo'),
    (dict(images=torch.zeros(2, 3, 4, 4, device='meta')), 'without numbers'),
    (dict(images=np.zeros((2, 3, 0, 64), np.uint8)), r'\(2, 3, 0, 64\)'),
    (dict(lidar2img=np.zeros((2, 4, 4))), 'lidar2img of image 0 .*cannot be inverted'),
    (dict(lidar2img=np.stack([np.eye(4), MOVED.T])), 'lidar2img of image 1 .*transposed'),
    (dict(lidar2img=np.ones((2, 4, 4), complex)), 'lidar2img .*complex'),
    (dict(lidar2global=MOVED.T), 'lidar2global .*transposed'),
    (dict(lidar2global=np.diag([2.0, 2, 2, 1])), 'changes lengths'),
    (dict(lidar2global=np.diag([1.0, -1, 1, 1])), 'mirrors'),
    (dict(timestamps=[0, 100]), 'timestamps .*100.0 s apart'),
    (dict(valid=['True', 'False']), "valid .*'True'.*True or False"),
    (dict(valid=[NOTHING, 1]), 'valid .*True or False'),
    (dict(valid=[2, 7]), 'valid .*True or False'),
    (dict(scene=np.zeros(3)), 'scene .*by a text or a number'),
    (dict(scene=['a']), 'scene .*by a text or a number'),
    (dict(scene=NOTHING), 'scene .*by a text or a number'),
]


@pytest.mark.parametrize(('change', 'message'), WRONG)
def test_everything_else_is_one_sentence(change, message):
    with pytest.raises(DataError, match=message):
        checked_frame(CameraFrame(**{**GOOD, **change}))


@pytest.mark.parametrize('frame', [None, GOOD, np.zeros(3), 'front.jpg'], ids=str)
def test_what_is_no_frame(frame):
    with pytest.raises(DataError, match='takes a CameraFrame; a .* has no images'):
        checked_frame(frame)


def test_pictures_of_real_numbers_are_taken():
    for images in (PICTURES, PICTURES * 1.2 - 20, np.zeros_like(PICTURES), PICTURES.astype(int)):
        assert torch.equal(checked_frame(CameraFrame(**{**GOOD, 'images': images})).images,
                           torch.from_numpy(images))
    broken = PICTURES.copy()
    broken[1] = NOTHING
    frame = checked_frame(CameraFrame(**{**GOOD, 'images': broken, 'valid': [1, 0]}))
    assert not frame.images[1].any() and frame.valid.tolist() == [True, False]


def test_a_camera_without_a_picture_may_have_any_matrix_and_time():
    broken = np.stack([np.eye(4), np.full((4, 4), NOTHING)])
    frame = checked_frame(CameraFrame(**{**GOOD, 'lidar2img': broken,
                                         'timestamps': [0, NOTHING], 'valid': [True, False]}))
    assert frame.valid.tolist() == [True, False]


@pytest.mark.parametrize('ages', [[0, 500], [0, .5e6], [0, -61]])
def test_frames_too_far_apart_are_refused(ages):
    with pytest.raises(DataError, match='s apart, 60 are the most: times are in seconds'):
        refuse_other_units(np.zeros(2), ages)
    refuse_other_units(np.array([1.7e9, 1.7e9 - 7]), [0, 7])
