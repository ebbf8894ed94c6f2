"""Meshes have the size and place they are asked for."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.simulate.materials import Material, response_table
from sparse3d.simulate.mesh import (
    FRUSTUM_FACES,
    box,
    capsules,
    cylinder,
    ellipsoid,
    extrude,
    fit,
    frustum,
    merge,
    place,
)

GREY = (.5, .5, .5)


def closed(mesh) -> bool:
    """Every edge, by the places of its ends, belongs to an even number of triangles."""
    ends = np.round(mesh.vertices[mesh.triangles], 4)
    edges = {}
    for triangle in ends:
        for i in range(3):
            edge = frozenset((tuple(triangle[i]), tuple(triangle[(i + 1) % 3])))
            if len(edge) == 2:
                edges[edge] = edges.get(edge, 0) + 1
    return all(count % 2 == 0 for count in edges.values())


def area(mesh, faces=slice(None)) -> float:
    a, b, c = np.moveaxis(mesh.vertices[mesh.triangles[faces]].astype(float), 1, 0)
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def test_a_box_by_hand():
    mesh = box((1, 2, 3), (2, 4, 6), Material.PAINT, GREY)
    low, high = mesh.bounds
    np.testing.assert_allclose(low, [0, 0, 0])
    np.testing.assert_allclose(high, [2, 4, 6])
    assert area(mesh) == pytest.approx(2 * (2 * 4 + 4 * 6 + 6 * 2))
    assert area(mesh, FRUSTUM_FACES['front']) == pytest.approx(4 * 6)
    front = mesh.vertices[mesh.triangles[FRUSTUM_FACES['front']]]
    np.testing.assert_allclose(front[..., 0], 2)
    left = mesh.vertices[mesh.triangles[FRUSTUM_FACES['left']]]
    np.testing.assert_allclose(left[..., 1], 4)


@pytest.mark.parametrize('mesh', [
    box((0, 0, 0), (1, 1, 1), Material.PAINT, GREY),
    frustum((-1, 1, -1, 1), (-.5, .2, -.6, .6), (0, 1), Material.PAINT, GREY),
    extrude(np.array([[0, 0], [2, 0], [2, 1], [1, 1.5]]), 1.0, Material.PAINT, GREY),
    cylinder((0, 0, 0), (1, 1, 1), .3, Material.METAL, GREY),
    ellipsoid((0, 0, 0), (1, 2, 3), Material.FOLIAGE, GREY),
    capsules(np.zeros((1, 3)), np.array([[0, 0, 1.0]]), np.array([.2]),
             np.array([Material.SKIN]), np.array([GREY])),
], ids=['box', 'frustum', 'extrude', 'cylinder', 'ellipsoid', 'capsule'])
def test_solids_have_no_holes(mesh):
    assert closed(mesh)
    assert mesh.triangles.min() >= 0 and mesh.triangles.max() < len(mesh.vertices)


def test_a_mesh_with_a_hole_is_noticed():
    mesh = box((0, 0, 0), (1, 1, 1), Material.PAINT, GREY)
    opened = type(mesh)(mesh.vertices, mesh.triangles[1:], mesh.materials[1:], mesh.colors[1:])
    assert not closed(opened)


def test_capsules_reach_their_radius_beyond_the_ends():
    mesh = capsules(np.array([[0, 0, 1.0], [5, 0, 0]]), np.array([[0, 0, 3.0], [5, 0, 0]]),
                    np.array([.5, .25]), np.array([Material.SKIN, Material.CLOTH]),
                    np.array([GREY, GREY]), segments=8)
    rod, ball = np.split(mesh.vertices, 2)
    np.testing.assert_allclose([rod[:, 2].min(), rod[:, 2].max()], [.5, 3.5], atol=1e-6)
    np.testing.assert_allclose(np.abs(rod[:, :2]).max(), .5, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(ball - [5, 0, 0], axis=1), .25, atol=1e-6)
    assert set(mesh.materials) == {Material.SKIN, Material.CLOTH}


def test_place_turns_from_x_to_y_and_then_moves():
    mesh = place(box((1, 0, 0), (.2, .2, .2), Material.PAINT, GREY), (10, 20, 30), np.pi / 2)
    np.testing.assert_allclose(mesh.vertices.mean(axis=0), [10, 21, 30], atol=1e-5)


def test_fit_fills_the_box_exactly():
    mesh = fit(cylinder((3, 1, 7), (8, 2, 9), 1.0, Material.METAL, GREY), (4.0, 2.0, 1.5))
    low, high = mesh.bounds
    np.testing.assert_allclose(low, [-2, -1, 0], atol=1e-6)
    np.testing.assert_allclose(high, [2, 1, 1.5], atol=1e-6)


def test_merge_keeps_every_triangle():
    parts = [box((i, 0, 0), (.5, .5, .5), material, GREY)
             for i, material in enumerate((Material.PAINT, Material.GLASS))]
    mesh = merge(parts)
    corners = np.concatenate([part.vertices[part.triangles] for part in parts])
    np.testing.assert_array_equal(mesh.vertices[mesh.triangles], corners)
    assert (np.bincount(mesh.materials)[[Material.PAINT, Material.GLASS]] == 12).all()


def test_merging_nothing_gives_an_empty_mesh():
    mesh = merge([])
    assert mesh.vertices.shape == (0, 3) and mesh.triangles.shape == (0, 3)
    assert mesh.materials.shape == (0,) and mesh.colors.shape == (0, 3)


def test_every_material_answers_the_laser():
    table = response_table()
    assert table.shape == (len(Material), 3)
    assert ((table >= 0) & (table <= 1)).all()
