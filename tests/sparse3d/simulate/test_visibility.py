"""Truncation and occlusion on scenes whose answer is known."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.datasets.kitti.simulate.calibration import KittiCalibration
from sparse3d.datasets.kitti.simulate.drive import KittiOptions, kitti_sensors
from sparse3d.datasets.kitti.simulate.labels import occlusion_level
from sparse3d.simulate.camera import take_picture
from sparse3d.simulate.materials import Material
from sparse3d.simulate.mesh import box
from sparse3d.simulate.scene import Rigid
from sparse3d.simulate.visibility import look_at

PLATE = Rigid('Car', (.1, 2.0, 2.0), box((0, 0, 1), (.1, 2, 2), Material.PAINT, (1, 1, 1)))


def view_of(snapshot, scale=1.0):
    camera = kitti_sensors(KittiOptions(image_scale=scale), KittiCalibration())[1]
    picture = take_picture(snapshot, camera, np.random.default_rng(0))
    return look_at(snapshot, camera, picture, snapshot.actors[0])


def test_a_free_plate_by_hand(flat_world):
    view = view_of(flat_world([(PLATE, (20.0, 0.0, 0.0))]))
    depth = 20 - .05 - .272 + .0027
    assert view.truncation == 0 and view.visible_share == 1
    width, height = view.box[2] - view.box[0], view.box[3] - view.box[1]
    assert width == pytest.approx(720 * 2 / depth, rel=.001)
    assert height == pytest.approx(720 * 2 / depth, rel=.001)
    assert view.visible_rays == pytest.approx(width * height, rel=.03)
    np.testing.assert_array_equal(view.box, view.full_box)


@pytest.mark.parametrize(('covered', 'level'), [(.1, 0), (.4, 1), (.6, 2), (.9, 3)])
def test_a_wall_hides_part_of_the_plate(flat_world, covered, level):
    # a wall close before the plate reaches over this share of its width, from the left
    wall = box((19.5, 6 - 2 * covered, 2), (.1, 10, 6), Material.WALL, (.4, .4, .4))
    view = view_of(flat_world([(PLATE, (20.0, 0.0, 0.0))], fixed=[wall]))
    assert view.visible_share == pytest.approx(1 - covered, abs=.04)
    assert occlusion_level(view.visible_share) == level
    assert view.box[2] - view.box[0] == pytest.approx(73, abs=1)  # hidden parts count


def test_wholly_hidden(flat_world):
    wall = box((19, 0, 2), (.1, 10, 6), Material.WALL, (.4, .4, .4))
    view = view_of(flat_world([(PLATE, (20.0, 0.0, 0.0))], fixed=[wall]))
    assert view.visible_share == 0 and view.visible_rays == 0


def test_a_plate_half_outside_the_image(flat_world):
    depth = 20 - .05 - .272
    edge = -(1241 - 610) * depth / 720  # y of the right border of the image at that depth
    view = view_of(flat_world([(PLATE, (20.0, edge, 0.0))]))
    assert view.truncation == pytest.approx(.5, abs=.03)
    assert view.box[2] == 1241 and view.full_box[2] > 1260
    assert view.visible_share > .97


def test_the_car_beside_the_camera_is_cut_at_the_image_plane(flat_world, car):
    view = view_of(flat_world([(car, (1.5, 2.5, 0.0))]))
    assert view is not None and .3 < view.truncation < 1
    assert np.isfinite(view.full_box).all()


@pytest.mark.parametrize('place', [(-10.0, 0.0, 0.0), (10.0, 30.0, 0.0)])
def test_outside_the_image_is_not_seen(flat_world, place):
    assert view_of(flat_world([(PLATE, place)])) is None


def test_coarse_rays_give_nearly_the_same_share(flat_world):
    wall = box((19.5, 5, 2), (.1, 10, 6), Material.WALL, (.4, .4, .4))
    world = flat_world([(PLATE, (20.0, 0.0, 0.0))], fixed=[wall])
    assert view_of(world, .4).visible_share == pytest.approx(view_of(world).visible_share, abs=.05)
