"""Windows on walls by hand; noise that can be repeated."""
from __future__ import annotations

import numpy as np

from sparse3d.simulate.materials import Material
from sparse3d.simulate.surfaces import BAY, STOREY, _open_windows, speckle


def test_windows_repeat_along_the_wall_and_from_storey_to_storey():
    # A wall that faces x: along it counts -y. Windows from 0.8 to 2.0 m, 1.0 to 2.5 m high.
    places = [(-1.0, 1.5, True), (-1.0 - BAY, 1.5, True), (-1.0, 1.5 + STOREY, True),
              (-0.5, 1.5, False), (-2.2, 1.5, False), (-1.0, 0.5, False), (-1.0, 2.7, False)]
    points = np.array([[8.0, y, z] for y, z, _ in places])
    normals, colors = np.tile([1.0, 0, 0], (len(places), 1)), np.full((len(places), 3), 0.6)
    materials = np.full(len(places), Material.FACADE)
    _open_windows(points, normals, materials, colors)
    dark = (colors < 0.3).all(1)
    assert dark.tolist() == [window for _, _, window in places]
    np.testing.assert_allclose(colors[0], 0.6 * 0.25 + np.array([0.03, 0.05, 0.08]))
    for other in (dict(materials=np.full(len(places), Material.WALL)),
                  dict(normals=np.tile([0, 0, 1.0], (len(places), 1)))):   # a roof
        colors = np.full((len(places), 3), 0.6)
        given = dict(normals=normals, materials=materials) | other
        _open_windows(points, given['normals'], given['materials'], colors)
        assert (colors == 0.6).all()


def test_speckle_is_the_same_within_a_cell_and_between_0_and_1():
    points = np.random.default_rng(0).uniform(-50, 50, (4000, 3))
    values = speckle(points, 1.0)
    assert 0 <= values.min() < 0.01 and 0.99 < values.max() <= 1
    np.testing.assert_array_equal(values, speckle(np.floor(points) + 0.5, 1.0))
