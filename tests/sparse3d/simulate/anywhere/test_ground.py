"""Uneven ground: curbs, banks, roughness."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.simulate.anywhere.ground import UnevenTerrain, random_terrain
from sparse3d.simulate.terrain import Relief, Road

pytestmark = pytest.mark.fast
ROAD = Road(lanes_per_side=1, lane_width=3., pavement=2.)


def test_the_pavement_lies_a_kerb_higher():
    terrain = UnevenTerrain(ROAD, Relief(), curb=.15)
    heights = terrain.height(np.array([[0., 0.], [0., 2.9], [0., 3.6], [0., -4.]]))
    np.testing.assert_allclose(heights, [0, 0, .15, .15])


def test_the_bank_rises_beyond_the_pavement_and_ends():
    terrain = UnevenTerrain(ROAD, Relief(), bank=.2)
    heights = terrain.height(np.array([[0., 5.], [0., 10.], [0., 90.]]))
    np.testing.assert_allclose(heights, [0, 1., 3.])


def test_there_is_no_kerb_across_a_side_street():
    road = Road(lanes_per_side=1, lane_width=3., crossing=10., crossing_half=3.)
    terrain = UnevenTerrain(road, Relief(), curb=.15)
    np.testing.assert_allclose(terrain.height(np.array([[10., 5.], [20., 5.]])), [0, .15])


def test_the_mesh_is_rough_on_grass_alone():
    terrain = UnevenTerrain(ROAD, Relief(), roughness=.05)
    vertices = terrain.rough_mesh((-5, 5), 20, np.random.default_rng(0)).vertices
    beyond = np.abs(vertices[:, 1]) > 5.6
    assert vertices[beyond, 2].std() == pytest.approx(.05, rel=.2)
    assert not vertices[np.abs(vertices[:, 1]) < 4.9, 2].any()


def test_without_the_ingredient_it_is_nearly_flat():
    flat = [random_terrain(np.random.default_rng(seed), ROAD, uneven=False) for seed in range(5)]
    assert all(terrain.curb == terrain.bank == terrain.roughness == 0 for terrain in flat)
    assert any(random_terrain(np.random.default_rng(seed), ROAD, uneven=True).curb
               for seed in range(5))
