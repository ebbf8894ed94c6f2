"""Rays find the first surface, its normal and whose it is."""
from __future__ import annotations

import numpy as np

from sparse3d.simulate.materials import Material
from sparse3d.simulate.mesh import box, merge
from sparse3d.simulate.ray_casting import NOTHING, RayCaster


def two_boxes() -> RayCaster:
    near = box((5, 0, 0), (2, 2, 2), Material.PAINT, (1, 0, 0))
    far = box((10, 0, 0), (2, 6, 6), Material.WALL, (0, 1, 0))
    return RayCaster(merge([near, far]), np.repeat([7, 8], [12, 12]).astype(np.int32))


def test_first_hits_by_hand():
    rays = np.array([[1, 0, 0], [9, 2.5, 0], [-1, 0, 0], [2, 0, 0]], dtype=float)
    hits = two_boxes().cast(np.zeros(3), rays)
    np.testing.assert_allclose(hits.distance, [4, 1, np.inf, 2], atol=1e-5)
    assert hits.instance.tolist() == [7, 8, NOTHING, 7]
    np.testing.assert_allclose(hits.normal[[0, 1]], [[-1, 0, 0]] * 2, atol=1e-6)
    assert hits.hit.tolist() == [True, True, False, True]


def test_normals_face_the_viewer_from_both_sides():
    caster = two_boxes()
    for origin, direction in (((0, .1, .2), (1, 0, 0)), ((20, .1, .2), (-1, 0, 0)),
                              ((5, .1, 9), (0, 0, -1))):
        hits = caster.cast(np.array(origin), np.array([direction], dtype=float))
        assert hits.normal[0] @ np.array(direction) < -.99


def test_blocked_within_a_distance():
    caster = two_boxes()
    rays = np.array([[1.0, 0, 0], [0, 0, 1.0]])
    assert caster.blocked(np.zeros(3), rays).tolist() == [True, False]
    assert caster.blocked(np.zeros(3), rays, distance=3.9).tolist() == [False, False]


def test_an_empty_world_and_no_rays():
    empty = RayCaster(merge([]), np.zeros(0, dtype=np.int32))
    hits = empty.cast(np.zeros(3), np.ones((3, 3)))
    assert np.isinf(hits.distance).all() and (hits.instance == NOTHING).all()
    assert not empty.blocked(np.zeros(3), np.ones((3, 3))).any()
    assert len(two_boxes().cast(np.zeros(3), np.zeros((0, 3))).distance) == 0
