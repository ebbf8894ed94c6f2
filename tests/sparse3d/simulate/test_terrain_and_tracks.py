"""Roads, ground and ways: places, heights, surfaces and velocities agree with each other."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.simulate.materials import Material
from sparse3d.simulate.terrain import Relief, Road, Terrain, random_relief, random_road
from sparse3d.simulate.tracks import AlongRoad, Still, Straight

BENT = Road(bend=5.0, bend_length=180.0, bend_phase=.7)


def test_a_straight_road_by_hand():
    road = Road(lanes_per_side=1, lane_width=3.0, parking_right=2.0, pavement=1.5)
    xy = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 1.5], [4.0, 2.8], [4.0, 3.5], [4.0, -4.0],
                   [4.0, -5.5], [4.0, 9.0]])
    expected = [Material.MARKING, Material.ASPHALT, Material.ASPHALT, Material.MARKING,
                Material.CONCRETE, Material.ASPHALT, Material.CONCRETE, Material.GRASS]
    assert road.surface(xy).tolist() == expected


def test_a_crossing_street_is_paved():
    road = Road(crossing=30.0, crossing_half=4.0)
    assert road.surface(np.array([[30.0, 25.0], [40.0, 25.0]])).tolist() == [
        Material.ASPHALT, Material.GRASS]


def test_places_beside_a_bend_keep_their_offset():
    x, offset = np.linspace(-50, 100, 40), np.linspace(-8, 8, 40)
    points = BENT.point(x, offset)
    np.testing.assert_allclose(BENT.offset(points), offset, atol=.15)
    step = BENT.point(x + .01, 0.0) - BENT.point(x - .01, 0.0)
    np.testing.assert_allclose(np.arctan2(step[:, 1], step[:, 0]), BENT.heading(x), atol=1e-4)


def test_the_ground_mesh_follows_the_relief():
    terrain = Terrain(Road(), random_relief(np.random.default_rng(1)))
    mesh = terrain.mesh((-10, 30), 20, cell=2.0)
    np.testing.assert_allclose(mesh.vertices[:, 2], terrain.height(mesh.vertices[:, :2]), atol=1e-4)
    middles = mesh.vertices[mesh.triangles].mean(axis=1)
    np.testing.assert_allclose(middles[:, 2], terrain.height(middles[:, :2]), atol=.01)


def test_a_slope_by_hand():
    relief = Relief(slope=(.01, -.02), waves=np.array([[.5, np.pi / 2, 0.0, 0.0]]))
    assert relief.height(np.array([1.0, 10.0])) == pytest.approx(.01 - .2 + .5)


def test_random_roads_and_slopes_are_gentle():
    rng = np.random.default_rng(0)
    for _ in range(50):
        assert np.abs(random_relief(rng).slope).max() <= .015
        assert np.abs(random_road(rng, None).heading(np.linspace(-100, 200, 50))).max() < .25


@pytest.mark.parametrize('track', [
    Still(1, 2, .3), Straight(1, 2, .3, 5.0), AlongRoad(BENT, 3.0, -1.7, 8.0),
    AlongRoad(BENT, 3.0, 1.7, -8.0)])
def test_velocity_is_the_change_of_place(track):
    before, here, after = track.at(.99), track.at(1.0), track.at(1.01)
    velocity = (after.xy - before.xy) / .02
    np.testing.assert_allclose(here.velocity, velocity, atol=1e-4)
    if np.linalg.norm(velocity) > 0:
        heading = np.array([np.cos(here.yaw), np.sin(here.yaw)])
        assert heading @ velocity / np.linalg.norm(velocity) > .999
    assert after.traveled - before.traveled == pytest.approx(
        .02 * np.hypot(*here.velocity), rel=.1)
