"""Random places: reproducible, without collisions, with and without their ingredients."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.simulate.anywhere.ingredients import Ingredients
from sparse3d.simulate.anywhere.place import CAR, LARGE, random_place
from sparse3d.simulate.footprints import overlap
from sparse3d.simulate.materials import Material


def place(seed: int, *without: str):
    return random_place(np.random.default_rng(seed), Ingredients.without(without))


def kinds(seeds: range, *without: str) -> list[str]:
    return [actor.shape.kind for seed in seeds for actor in place(seed, *without).actors]


def test_the_same_seed_gives_the_same_place():
    one, other = place(3), place(3)
    np.testing.assert_array_equal(one.fixed.vertices, other.fixed.vertices)
    np.testing.assert_array_equal(one.ground.vertices, other.ground.vertices)
    assert [actor.track for actor in one.actors] == [actor.track for actor in other.actors]


def test_there_are_all_kinds_and_large_vehicles_can_be_left_out():
    assert set(kinds(range(2))) == {CAR, LARGE, 'Pedestrian', 'Cyclist'}
    assert set(kinds(range(2), 'large_vehicles')) == {CAR, 'Pedestrian', 'Cyclist'}


def test_nothing_overlaps():
    states = [(actor.track.at(0.), actor.shape.size) for actor in place(2).actors]
    boxes = np.array([[at.x, at.y, *size[:2], at.yaw] for at, size in states])
    together = overlap(boxes[:, None], boxes[None])
    assert together.sum() == len(boxes) > 20


def test_leaves_are_left_out_with_the_plants():
    def triangles(*without: str) -> int:
        return sum(int((place(seed, *without).fixed.materials == Material.FOLIAGE).sum())
                   for seed in range(2))
    assert triangles() > 1.3 * triangles('plants')  # plain trees of the street stay


@pytest.mark.parametrize('name', ['bodies', 'headings', 'clutter', 'terrain'])
def test_a_place_without_an_ingredient_can_be_made(name):
    assert place(1, name).actors
