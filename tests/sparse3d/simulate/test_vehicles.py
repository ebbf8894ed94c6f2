"""Vehicles fill their boxes and show which way they head."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.simulate.materials import Material
from sparse3d.simulate.vehicles import CAR_PROFILES, PROFILES, build_truck, build_vehicle, draw_size

WHITE = (.9, .9, .9)


def meshes():
    for name, profile in PROFILES.items():
        yield pytest.param(build_vehicle(profile, profile.size, WHITE), profile.size, id=name)
    yield pytest.param(build_truck((8.0, 2.5, 3.2), WHITE), (8.0, 2.5, 3.2), id='truck')


@pytest.mark.parametrize(('mesh', 'size'), list(meshes()))
def test_the_mesh_fills_its_box_exactly(mesh, size):
    low, high = mesh.bounds
    np.testing.assert_allclose(low, [-size[0] / 2, -size[1] / 2, 0], atol=1e-6)
    np.testing.assert_allclose(high, [size[0] / 2, size[1] / 2, size[2]], atol=1e-6)


@pytest.mark.parametrize(('mesh', 'size'), list(meshes()))
def test_left_and_right_are_mirror_images(mesh, size):
    centers = mesh.vertices[mesh.triangles].mean(axis=1)
    weights = np.linalg.norm(np.diff(mesh.vertices[mesh.triangles], axis=1), axis=(1, 2))
    assert abs(np.average(centers[:, 1], weights=weights)) < .02 * size[1]


@pytest.mark.parametrize('name', CAR_PROFILES)
def test_the_bonnet_of_a_car_is_lower_than_its_rear(name):
    profile = PROFILES[name]
    mesh = build_vehicle(profile, profile.size, WHITE)
    length = profile.size[0]
    cabin = mesh.vertices[mesh.vertices[:, 2] > .9 * profile.size[2]]
    assert cabin[:, 0].mean() < -.05 * length  # the roof sits towards the rear
    red = (mesh.materials == Material.LAMP) & (mesh.colors[:, 0] > 5 * mesh.colors[:, 1])
    lamps = mesh.vertices[mesh.triangles[red]]
    assert (lamps[..., 0] < -.4 * length).all()


@pytest.mark.parametrize('name', list(PROFILES))
def test_wheels_stand_on_the_ground_at_four_corners(name):
    profile = PROFILES[name]
    mesh = build_vehicle(profile, profile.size, WHITE)
    tires = mesh.vertices[mesh.triangles[mesh.materials == Material.RUBBER]].reshape(-1, 3)
    for x in (-1, 1):
        for y in (-1, 1):
            corner = tires[(np.sign(tires[:, 0]) == x) & (np.sign(tires[:, 1]) == y)]
            assert corner[:, 2].min() == pytest.approx(0, abs=1e-5)


def test_drawn_sizes_stay_near_the_mean():
    rng = np.random.default_rng(0)
    profile = PROFILES['sedan']
    sizes = np.array([draw_size(rng, profile) for _ in range(200)])
    assert (np.abs(sizes - profile.size) <= 2 * np.array(profile.size_std) + .006).all()
    assert sizes.std(axis=0).min() > .01
