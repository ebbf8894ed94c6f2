"""The cameras of a batch: read from metas, projected, and one meaning of a missing image."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from sparse3d.errors import DataError
from sparse3d.structures.cameras import Cameras, project_into_views
from sparse3d.structures.projection import project_points

AHEAD = np.array([[10., -8, 0, 0], [5, 0, -8, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
BEHIND = AHEAD @ np.diag([-1.0, -1, 1, 1])
TWO = np.stack([AHEAD, BEHIND])
SIZE = (10, 20)


def test_everything_that_a_sample_says():
    cameras = Cameras.of_batch([dict(
        lidar2img=[torch.from_numpy(matrix) for matrix in TWO], image_valid=[True, False],
        img_shape=[(8, 16), (9, 18)], img_timestamp=[5.0, 5.5], view_names=['FRONT', 'BACK'])],
        SIZE, views=2)
    assert torch.equal(cameras.lidar2img[0], torch.from_numpy(TWO))
    assert cameras.sizes.tolist() == [[[8, 16], [9, 18]]] and cameras.image_size == SIZE
    assert cameras.valid.tolist() == [[True, False]] and not cameras.complete
    assert cameras.times.tolist() == [[5, 5.5]] and cameras.names == (('FRONT', 'BACK'), )
    assert cameras.views == 2


def test_what_a_sample_need_not_say():
    one = Cameras.of_batch([dict(lidar2img=AHEAD)], SIZE)
    assert one.sizes.tolist() == [[[10, 20]]] and one.complete and one.times is None
    fitted = Cameras.of_batch([dict(lidar2img=TWO, valid_shape=[(15, 6), (20.5, 8)],
                                    img_shape=(10, 20))], SIZE)
    assert fitted.sizes.tolist() == [[[6, 15], [8, 20.5]]]  # width, height there
    assert Cameras.of_batch([dict(lidar2img=AHEAD, img_shape=(4, 6, 3))], SIZE).sizes.tolist() == [
        [[4, 6]]]


def test_what_a_sample_lacks_is_missing_in_every_frame():
    many = dict(lidar2img=np.concatenate([TWO, TWO]), img_timestamp=[4.0, 4.2, 3.0, 3.2])
    few = dict(lidar2img=TWO, img_timestamp=[9.0, 8.0])  # one camera, two frames
    cameras = Cameras.of_batch([many, few], SIZE, views=4, frames=2)
    assert cameras.valid.tolist() == [[True] * 4, [True, False, True, False]]
    assert torch.equal(cameras.lidar2img[1, [0, 2]], torch.from_numpy(TWO))
    assert cameras.lidar2img.isfinite().all() and not cameras.complete
    assert cameras.times.tolist() == [[4.0, 4.2, 3.0, 3.2], [9, 9, 8, 8]]


@pytest.mark.parametrize('matrix', [np.full((4, 4), np.nan), np.zeros((4, 4))])
def test_the_matrix_of_a_missing_image_may_be_anything_and_no_other(matrix):
    broken = np.stack([AHEAD, matrix])
    cameras = Cameras.of_batch([dict(lidar2img=broken, image_valid=[True, False])], SIZE)
    assert cameras.valid.tolist() == [[True, False]] and cameras.lidar2img.isfinite().all()
    with pytest.raises(DataError, match='lidar2img of image 1 .* image_valid'):
        Cameras.of_batch([dict(lidar2img=broken)], SIZE)


@pytest.mark.parametrize(('meta', 'views', 'frames', 'message'), [
    (dict(img_shape=(8, 16)), None, 1, "no 'lidar2img'; .*it has img_shape"),
    (dict(lidar2img=TWO[:, :3]), None, 1, r'the shape \(2, 3, 4\)'),
    (dict(lidar2img=TWO), 3, 1, "3 images and 'lidar2img' for 2"),
    (dict(lidar2img=TWO), None, 3, '3 frames need as many'),
    (dict(lidar2img=TWO, image_valid=[True]), None, 1, r'image_valid .*\(1,\); its 2 lidar2img'),
    (dict(lidar2img=TWO, img_timestamp=[1.0]), None, 1, r'img_timestamp .*\(1,\); its 2'),
    (dict(lidar2img=TWO, valid_shape=[(3, 4)]), None, 1, r'valid_shape .*\(1, 2\); its 2'),
    (dict(lidar2img=TWO, img_shape=[(3, 4)] * 3), None, 1, r'img_shape .*\(3, 2\); its 2')])
def test_what_does_not_fit_is_named(meta, views, frames, message):
    with pytest.raises(DataError, match=message):
        Cameras.of_batch([meta], SIZE, views, frames)


def test_points_in_every_image_as_in_each_alone():
    random = np.random.default_rng(0)
    matrices = torch.from_numpy(random.normal(size=(3, 2, 4, 4)))
    points = torch.from_numpy(random.normal(size=(3, 11, 3)))
    cameras = Cameras.of_matrices(matrices, SIZE)
    pixels, depth = cameras.project(points)
    assert pixels.shape == (3, 2, 11, 2) and depth.shape == (3, 2, 11)
    for sample in range(3):
        for view in range(2):
            alone = project_points(points[sample], matrices[sample, view])
            torch.testing.assert_close(pixels[sample, view], alone[0])
            torch.testing.assert_close(depth[sample, view], alone[1])
    assert cameras.project(points.float())[0].dtype == torch.float32
    assert cameras.project(points.half())[0].dtype == torch.float32
    nothing, _ = project_into_views(points[:, :0], matrices)
    assert nothing.shape == (3, 2, 0, 2)


def test_nothing_of_a_missing_image_is_left():
    images = torch.ones(1, 2, 3, 4, 5)
    images[0, 1] = torch.nan
    cameras = Cameras.of_batch([dict(lidar2img=TWO, image_valid=[True, False])], SIZE)
    assert cameras.without_missing(images).sum() == 60
    whole = Cameras.of_matrices(torch.from_numpy(TWO)[None], SIZE)
    assert whole.without_missing(images) is images
    assert whole.with_valid(cameras.valid).without_missing(images).sum() == 60


def test_moved_copies_see_their_moved_points_where_the_sample_sees_its_own():
    metas = [dict(lidar2img=TWO, image_valid=[True, False], img_timestamp=[1.0, 2.0]),
             dict(lidar2img=TWO[::-1].copy(), img_timestamp=[3.0, 4.0], view_names=['A', 'B'])]
    cameras = Cameras.of_batch(metas, SIZE)
    flip = torch.diag(torch.tensor([1.0, -1, 1, 1], dtype=torch.float64))
    shift = torch.eye(4, dtype=torch.float64)
    shift[:3, 3] = torch.tensor([1.0, 2, 3])
    motions = torch.stack([flip, shift])
    points = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 5, 3)))
    moved = (points[:, None] @ motions[:, :3, :3].mT + motions[:, None, :3, 3]).flatten(0, 1)
    copies = cameras.moved(motions)
    pixels, depth = cameras.project(points)
    torch.testing.assert_close(copies.project(moved)[1], depth.repeat_interleave(2, 0))
    ahead = (depth > 0.1).repeat_interleave(2, 0)
    torch.testing.assert_close(copies.project(moved)[0][ahead],
                               pixels.repeat_interleave(2, 0)[ahead])
    assert copies.valid.tolist() == [[True, False]] * 2 + [[True, True]] * 2
    assert copies.times.tolist() == [[1, 2], [1, 2], [3, 4], [3, 4]]
    assert copies.names == ((), (), ('A', 'B'), ('A', 'B'))
