"""Pictures show what is there, where projection says."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.datasets.kitti.simulate.calibration import KittiCalibration
from sparse3d.datasets.kitti.simulate.drive import KittiOptions, kitti_sensors
from sparse3d.simulate.camera import Camera, pixel_rays, take_picture
from sparse3d.simulate.materials import Material
from sparse3d.simulate.mesh import box
from sparse3d.simulate.ray_casting import NOTHING
from sparse3d.simulate.scene import GROUND, STATIC


def kitti_camera(scale: float = 1.0) -> Camera:
    return kitti_sensors(KittiOptions(image_scale=scale), KittiCalibration())[1]


def test_rays_and_projection_are_inverse():
    camera = kitti_camera()
    u, v = np.array([0.0, 610.0, 1241.0]), np.array([0.0, 173.0, 374.0])
    rays = pixel_rays(camera, u, v)
    projected = camera.project(rays.reshape(-1, 3) * 7)
    np.testing.assert_allclose(projected[:, :2].reshape(3, 3, 2),
                               np.stack(np.meshgrid(u, v), axis=-1), atol=1e-9)
    np.testing.assert_allclose(projected[:, 2], 7)


@pytest.mark.parametrize('scale', [1.0, .5])
def test_a_wall_is_where_it_should_be(flat_world, scale):
    camera = kitti_camera(scale)
    wall = box((20.5, 0, 2), (1, 4, 4), Material.WALL, (.9, .1, .1))
    picture = take_picture(flat_world(fixed=[wall]), camera, np.random.default_rng(0))
    assert picture.image.shape == (375, 1242, 3) and picture.image.dtype == np.uint8
    assert picture.instances.shape == camera.ray_grid
    rows, columns = np.nonzero(picture.instances == STATIC)
    u, v = camera.ray_pixels()
    depth = 20 - .272 + .0027
    edges = [610 + 720 * (side * 2 - .004 + .0625) / depth for side in (-1, 1)]
    assert u[columns.min()] == pytest.approx(edges[0], abs=1.5 / scale)
    assert u[columns.max()] == pytest.approx(edges[1], abs=1.5 / scale)
    np.testing.assert_allclose(picture.depth[rows, columns], depth, atol=1e-3)
    middle = picture.image[int(v[rows].mean()), int(u[columns].mean())].astype(int)
    assert middle[0] > 2 * middle[1]  # red


def test_sky_above_and_ground_below(flat_world):
    picture = take_picture(flat_world(), kitti_camera(.25), np.random.default_rng(0))
    assert (picture.instances[0] == NOTHING).all() and np.isinf(picture.depth[0]).all()
    assert (picture.instances[-1] == GROUND).all()
    assert picture.image[0, :, 2].mean() > picture.image[0, :, 0].mean()  # blue


def test_shadows_darken_the_ground(flat_world):
    roof = box((12, 0, 8), (6, 40, .5), Material.WALL, (.5, .5, .5))
    camera, rng = kitti_camera(.25), np.random.default_rng
    open_air = take_picture(flat_world(), camera, rng(0)).image
    covered = take_picture(flat_world(fixed=[roof]), camera, rng(0))
    below = covered.instances == GROUND
    u, v = camera.ray_pixels()
    near = below & (np.abs(covered.depth - 12) < 2)
    pixels = np.round(np.stack(np.meshgrid(u, v), axis=-1)[near]).astype(int)
    assert len(pixels) > 50
    assert covered.image[pixels[:, 1], pixels[:, 0]].mean() < .75 * open_air[
        pixels[:, 1], pixels[:, 0]].mean()
