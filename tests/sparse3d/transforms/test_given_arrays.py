"""Arrays in a sample go the way of files: the same comes out of every transform that loads."""
from __future__ import annotations

import cv2
import numpy as np
import pytest
from mmdet3d.registry import TRANSFORMS
from mmengine.registry import init_default_scope

from sparse3d.errors import DataError
from sparse3d.transforms.camera_history import CameraImage
from sparse3d.transforms.given_arrays import TakesImages, TakesPoints, taking_arrays

MATRIX = np.array([[100.0, 0, 80, 0], [0, 100, 45, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
POSES = [np.eye(4), np.diag([1.0, -1, -1, 1])]


def built(step, **options):
    init_default_scope('mmdet3d')
    return TRANSFORMS.build(dict(type=step, **options))


# Options; numbers of a point in the file; which of its columns the model takes; their names.
LOADERS = [
    ('LoadPoints', dict(columns=5, use=[0, 1, 2, 3]), 5, [0, 1, 2, 3], 'x y z intensity'),
    ('LoadPointFile', dict(columns=4), 4, [0, 1, 2, 3], 'x y z intensity'),
    ('LoadSweepPoints', {}, 5, [0, 1, 2, 3, None], 'x y z intensity age'),
    ('LoadWaymoPoints', {}, 6, [0, 1, 2, 3, 4], 'x y z intensity elongation'),
    ('LoadWaymoPoints', dict(num_frames=2), 6, [0, 1, 2, 3, 4, None],
     'x y z intensity elongation age')]


@pytest.mark.parametrize(('step', 'options', 'columns', 'taken', 'names'), LOADERS)
def test_points(tmp_path, step, options, columns, taken, names):
    cloud = np.random.default_rng(0).uniform(2, 9, (50, columns)).astype('<f4')
    path = tmp_path / 'a.bin'
    cloud.tofile(path)
    loader = built(step, **options)
    assert isinstance(loader, TakesPoints) and loader.point_columns == tuple(names.split())
    read = loader(dict(lidar_points=dict(lidar_path=str(path)), lidar_path=str(path),
                       lidar_sweeps=[], timestamp=0.0, ego2global=np.eye(4)))['points']
    given = np.column_stack([np.zeros(50, '<f4') if column is None else cloud[:, column]
                             for column in taken])
    before = given.copy()
    taken = loader(dict(points=given))['points']
    np.testing.assert_array_equal(taken.tensor, read.tensor)
    np.testing.assert_array_equal(given, before)  # whoever gave it keeps it as it was
    with pytest.raises(DataError, match=rf'\(50, 3\); \(N, {given.shape[1]}\) is needed: x, y, z'):
        loader(dict(points=cloud[:, :3]))


@pytest.fixture
def pictures(tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (2, 90, 160, 3), dtype=np.uint8)
    paths = [tmp_path / 'left.png', tmp_path / 'right.png']
    for path, image in zip(paths, images, strict=True):
        cv2.imwrite(str(path), image)
    return images, paths


def assert_alike(one, other):
    compared = set(one) & set(other) - {'img_path', 'images', 'image_frames'}
    assert {'img', 'lidar2img', 'lidar2cam', 'cam2img', 'view_names', 'img_shape'} <= compared
    for key in compared:
        np.testing.assert_array_equal(one[key], other[key], err_msg=key)


def test_images_of_several_cameras(pictures):
    images, paths = pictures
    loader = built('LoadMultiViewImages', cameras=['LEFT', 'RIGHT'])
    assert isinstance(loader, TakesImages) and loader.image_cameras == ('LEFT', 'RIGHT')
    frame = {camera: CameraImage(str(path), pose, MATRIX, 5.0)
             for camera, path, pose in zip(loader.image_cameras, paths, POSES, strict=True)}
    given = dict(img=list(images), lidar2cam=POSES, cam2img=[MATRIX] * 2, num_frames=2,
                 lidar2img=[MATRIX @ pose for pose in POSES], img_timestamp=[5.0, 5.0])
    assert_alike(loader(given), loader(dict(image_frames=[frame, frame])))
    newest = built('LoadMultiViewImages', cameras=['LEFT', 'RIGHT'], pixels='newest')
    newest = newest(dict(img=list(images), lidar2img=[MATRIX] * 2, num_frames=2))
    assert len(newest['img']) == 2 and len(newest['lidar2img']) == len(newest['img_path']) == 4


def test_the_image_of_kitti(pictures):
    images, paths = pictures
    loader = built('LoadKittiImage')
    assert isinstance(loader, TakesImages)
    view = dict(img_path=str(paths[1]), lidar2cam=POSES[1], cam2img=MATRIX)
    given = dict(img=[images[1]], lidar2cam=POSES[1:], cam2img=[MATRIX],
                 lidar2img=[MATRIX @ POSES[1]])
    assert_alike(loader(given), loader(dict(images=dict(CAM2=view))))


@pytest.mark.parametrize(('given', 'error'), [
    (dict(img=[None] * 3), '3 images were given; this model takes 2 of now, or 4 of 2 frames'),
    (dict(img=[None] * 2, lidar2img=np.zeros((3, 4, 4))), '2 images were given, and 3 of lidar2i'),
    (dict(img=[None] * 2, img_timestamp=[1.0]), '2 images were given, and 1 of img_timestamp')])
def test_other_numbers_of_images_are_refused(given, error):
    with pytest.raises(DataError, match=error):
        built('LoadMultiViewImages', cameras=['LEFT', 'RIGHT'])(dict(given, num_frames=2))


def test_cameras_that_delivered_nothing_are_black_and_said():
    loader = built('LoadMultiViewImages', cameras=['LEFT', 'RIGHT'])
    image = np.full((4, 6, 3), 9, np.uint8)
    sample = loader(dict(img=[None, image], lidar2img=[MATRIX] * 2))
    assert sample['image_valid'].tolist() == [False, True]
    assert sample['img'][0].shape == (4, 6, 3) and not sample['img'][0].any()
    assert loader(dict(img=[None, None]))['img'][0].shape == (900, 1600, 3)


@pytest.mark.parametrize(('step', 'options', 'names'), [
    ('LoadPointsFromFile', dict(coord_type='LIDAR', load_dim=5, use_dim=4), 'x y z intensity'),
    ('LoadPointsFromFile', dict(coord_type='LIDAR', load_dim=5, use_dim=5),
     'x y z intensity ring'),
    ('LoadPointsFromMultiSweeps', dict(use_dim=[0, 1, 2, 4]), 'x y z age')])
def test_something_stands_in_for_loaders_of_mmdet3d(step, options, names):
    loader = taking_arrays(built(step, **options))
    assert loader.point_columns == tuple(names.split())
    points = np.ones((3, len(loader.point_columns)), np.float32)
    np.testing.assert_array_equal(loader(dict(points=points))['points'].tensor, points)
    with pytest.raises(DataError, match='there are no points'):
        loader({})
