"""Which pixels voxels read: by hand, against torch's enlargement, and every published accident."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmdet3d.structures import Det3DDataSample

from focalsconv import CameraViews, ProjectionOptions
from focalsconv.camera_views import camera_views, pixels_of_voxels, read_views
from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.cameras import Cameras

# Voxels of 1 m; a camera that looks along x: u = 10 - 8 y / x, v = 5 - 8 z / x.
VOXEL, MINIMUM = torch.ones(3), torch.tensor([-4., -8, -2])
LOOKING_AHEAD = np.array([[10., -8, 0, 0], [5, 0, -8, 0], [1, 0, 0, 0], [0, 0, 0, 1]])


def views(features=None, matrices=None, sizes=((10, 20), ), padded=(10, 20),
          valid=True) -> CameraViews:
    matrices = [LOOKING_AHEAD] * len(sizes) if matrices is None else matrices
    if features is None:
        features = torch.arange(200.).view(1, 1, 1, 10, 20).expand(1, len(sizes), 1, 10, 20)
    cameras = Cameras(torch.from_numpy(np.stack(matrices))[None], torch.tensor([list(sizes)]),
                      padded, torch.tensor(valid).expand(1, len(sizes)))
    return CameraViews(cameras, torch.full((1, len(sizes)), 0.25, dtype=torch.float64), features)


def place(x: float, y: float, z: float) -> list[int]:
    """Coordinates of the voxel whose lower corner is there."""
    return [0, int(z + 2), int(y + 8), int(x + 4)]


def read(at: tuple, given: CameraViews, **options) -> float:
    coordinates = torch.tensor([place(*at)]).int()
    return read_views(coordinates, 1, VOXEL, MINIMUM, given, ProjectionOptions(**options)).item()


def test_a_voxel_by_hand():
    # Center (4.5, 1.5, 0.5): u = 10 - 8 / 3 = 7.33, v = 5 - 8 / 9 = 4.11: pixel (7, 4).
    assert read((4, 1, 0), views()) == 4 * 20 + 7
    # Its corner (4, 1, 0): u = 8, v = 5.
    assert read((4, 1, 0), views(), published=dict(corners=True)) == 5 * 20 + 8


def test_cameras_add_up_and_those_without_a_picture_do_not_count():
    two = views(sizes=((10, 20), (10, 20)))
    assert read((4, 1, 0), two) == 2 * 87
    assert read((4, 1, 0), views(sizes=((10, 20), (10, 20)), valid=[True, False])) == 87


def test_behind_the_camera():
    # Center (-3.5, 0.5, 0.5): u = 10 + 8 / 7, v = 5 + 8 / 7, seen only in a mirror.
    assert read((-4, 0, 0), views()) == 0
    assert read((-4, 0, 0), views(), published=dict(behind_camera=True)) == 6 * 20 + 11
    assert read((4, 1, 0), views(), minimum_depth=4.4) == 87
    assert read((4, 1, 0), views(), minimum_depth=4.6) == 0
    two = views(sizes=((10, 20), (10, 20)))
    assert read((4, 1, 0), two, minimum_depth=(4.6, 4.4)) == 87


def test_left_of_the_first_column():
    # Center (4.5, 5.5, 0.5) lies at u = 0.22, center (3.5, 4.5, 0.5) at u = -0.29.
    assert read((4, 5, 0), views()) == 80
    assert read((4, 5, 0), views(), published=dict(skip_pixel_zero=True)) == 0
    assert read((3, 4, 0), views()) == 0
    assert read((3, 4, 0), views(), published=dict(truncation=True)) == 3 * 20


def test_padding_is_not_image():
    small = views(sizes=((4, 20), ))
    assert read((4, 1, 0), small) == 0
    assert read((4, 1, 0), small, published=dict(read_padding=True)) == 87


def test_rounding_at_full_size():
    # At full size u = 11, v = 6.17: 2/3 of the whole numbers gives (7, 4), so does 7.33, 4.11;
    # for center (4.5, 0.5, 0.5), u = 9.11: 13.67 -> 13 -> 8.67 -> 8.
    assert read((4, 0, 0), views()) == 4 * 20 + 9
    assert read((4, 0, 0), views(), published=dict(image_scale=2 / 3)) == 4 * 20 + 8


def test_depth_before_the_shift_of_the_image():
    # Divided by 4.25 instead of 4.5: u = (45 - 12) / 4.25 = 7.76, v = (22.5 - 4) / 4.25 = 4.35.
    coordinates = torch.tensor([place(4, 1, 0)])
    pixels, depth = pixels_of_voxels(coordinates, 1, VOXEL, MINIMUM, views(),
                                     ProjectionOptions(published=dict(depth=True)))
    assert pixels.flatten().tolist() == pytest.approx([33 / 4.25, 18.5 / 4.25])
    assert depth.item() == pytest.approx(4.25)


def test_corner_of_a_mirrored_grid():
    # The released double flip mirrors voxel indices, whose lower corner is the original's.
    mirrored = views(matrices=[LOOKING_AHEAD @ np.diag([1., -1, 1, 1])])
    mirrored = replace(mirrored, flipped=torch.tensor([[False, True]]))
    # y = 1..2 becomes -2..-1: the voxel at index y = 6 of 16 in place of 9.
    assert read((4, -2, 0), mirrored) == read((4, 1, 0), views())
    assert read((4, -2, 0), mirrored, published=dict(corners=True)) == read(
        (4, 1, 0), views(), published=dict(corners=True))


@pytest.mark.parametrize('size', [(10, 20), (37, 61)])
def test_small_maps_are_enlarged_as_torch_does(size):
    features = torch.randn(1, 2, 3, 10, 20, dtype=torch.float64)
    given = views(features, sizes=(size, size), padded=size, matrices=[
        np.diag([size[1] / 20, size[0] / 10, 1, 1]) @ LOOKING_AHEAD @ np.diag([1, side, 1, 1])
        for side in (1., -1)])
    coordinates = torch.stack(torch.meshgrid(torch.arange(1), torch.arange(4), torch.arange(16),
                                             torch.arange(12), indexing='ij'), -1).view(-1, 4).int()
    values = read_views(coordinates, 1, VOXEL, MINIMUM, given, ProjectionOptions())
    large = F.interpolate(features[0], size=size, mode='bilinear', align_corners=False)
    pixels, depth = pixels_of_voxels(coordinates, 1, VOXEL, MINIMUM, given, ProjectionOptions())
    expected, read_any = torch.zeros_like(values), 0
    for camera in range(2):
        for row, ((u, v), deep) in enumerate(zip(pixels[:, camera].tolist(),
                                                 depth[:, camera].tolist(), strict=True)):
            if deep > 0 and 0 <= u < size[1] and 0 <= v < size[0]:
                expected[row] += large[camera, :, int(v), int(u)]
                read_any += 1
    assert read_any > 50
    torch.testing.assert_close(values, expected, rtol=0, atol=1e-4)


def test_gradients_reach_the_features():
    features = torch.randn(1, 1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    coordinates = torch.tensor([place(4, 1, 0), place(3, -1, 1), place(-4, 0, 0)])
    assert torch.autograd.gradcheck(lambda given: read_views(
        coordinates, 1, VOXEL, MINIMUM, views(given), ProjectionOptions()), features)


def test_no_voxels():
    nothing = torch.zeros(0, 4).int()
    assert read_views(nothing, 1, VOXEL, MINIMUM, views(), ProjectionOptions()).shape == (0, 1)


def sample(**metainfo) -> Det3DDataSample:
    made = Det3DDataSample()
    made.set_metainfo(metainfo)
    return made


def test_cameras_come_from_the_samples():
    images = torch.zeros(2, 2, 3, 8, 12)
    two = np.stack([LOOKING_AHEAD, LOOKING_AHEAD * 2])
    given = camera_views([sample(lidar2img=two, img_shape=(6, 10), cam2img=[np.eye(4)] * 2),
                          sample(lidar2img=list(two), img_shape=[(8, 12), (7, 11)],
                                 image_valid=[False, True], grid_flip=(True, False))], images)
    assert given.cameras.sizes.tolist() == [[[6, 10], [6, 10]], [[8, 12], [7, 11]]]
    assert given.cameras.valid.tolist() == [[True, True], [False, True]]
    assert given.cameras.image_size == (8, 12)
    assert given.flipped.tolist() == [[False, False], [True, False]]
    assert torch.equal(given.cameras.lidar2img[1], torch.from_numpy(two))


def test_wrong_input_says_so():
    images = torch.zeros(1, 2, 3, 8, 12)
    with pytest.raises(DataError, match="no 'lidar2img'"):
        camera_views([sample()], images)
    with pytest.raises(DataError, match='2 images'):
        camera_views([sample(lidar2img=LOOKING_AHEAD)], images)
    with pytest.raises(ConfigError, match='minimum_depth has 3 values for 1 cameras'):
        read((4, 1, 0), views(), minimum_depth=(0, 1, 2))
