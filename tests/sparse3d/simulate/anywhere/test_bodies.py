"""Lofted bodies fill their boxes, are glazed above the belt, and hollow."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.simulate.anywhere.bodies import BODIES, build_body, draw_body
from sparse3d.simulate.materials import Material
from sparse3d.simulate.ray_casting import RayCaster

pytestmark = pytest.mark.fast
MIDDLE = {name: tuple(float(np.mean(limits)) for limits in (body.length, body.width, body.height))
          for name, body in BODIES.items()}


def body_of(name: str, seed: int = 0):
    return build_body(name, MIDDLE[name], (.8, .8, .8), np.random.default_rng(seed))


@pytest.mark.parametrize('name', BODIES)
def test_it_fills_its_box_and_only_mirrors_stand_out(name):
    low, high = body_of(name).bounds
    length, width, height = MIDDLE[name]
    np.testing.assert_allclose([low[0], high[0]], [-length / 2, length / 2], atol=1e-5)
    np.testing.assert_allclose([low[2], high[2]], [0, height], atol=1e-5)
    assert width / 2 - 1e-5 <= high[1] <= width / 2 + .2
    assert high[1] == pytest.approx(-low[1], abs=1e-5)


@pytest.mark.parametrize('name', BODIES)
def test_windows_lie_above_the_belt(name):
    mesh = body_of(name)
    glass = mesh.materials == Material.GLASS
    assert glass.sum() > 10
    heights = mesh.vertices[mesh.triangles[glass]].mean(axis=1)[:, 2] / MIDDLE[name][2]
    assert heights.min() > .4 and heights.max() < 1


def test_the_corners_are_rounded():
    mesh = body_of('sedan')
    ends = mesh.vertices[np.abs(mesh.vertices[:, 0]) > .499 * MIDDLE['sedan'][0]]
    assert np.abs(ends[:, 1]).max() < .49 * MIDDLE['sedan'][1]


def test_a_ray_through_two_windows_meets_no_paint():
    mesh = body_of('sedan')
    caster = RayCaster(mesh, np.zeros(len(mesh.triangles), np.int32))
    start, along = np.array([.3, 5., .83 * MIDDLE['sedan'][2]]), np.array([[0., -1., 0.]])
    met = []
    for _ in range(2):
        hit = caster.cast(start, along)
        met.append(Material(mesh.materials[hit.triangle[0]]))
        start = start + along[0] * (hit.distance[0] + .01)
    assert met == [Material.GLASS, Material.GLASS]


def test_sizes_lie_within_their_limits_and_vary():
    rng = np.random.default_rng(3)
    drawn = [draw_body(rng) for _ in range(300)]
    assert {name for name, _ in drawn} == set(BODIES)
    for name, size in drawn:
        body = BODIES[name]
        for value, (low, high) in zip(size, (body.length, body.width, body.height), strict=True):
            assert low - .006 <= value <= high + .006
    assert np.std([size[0] for _, size in drawn]) > .3
