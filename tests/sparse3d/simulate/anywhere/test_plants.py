"""Plants of leaves let some rays through and end others at any depth."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.simulate.anywhere.plants import bush, hedge, tree
from sparse3d.simulate.materials import Material
from sparse3d.simulate.ray_casting import RayCaster

pytestmark = pytest.mark.fast


def test_rays_end_at_any_depth_in_a_bush():
    mesh, _ = bush(np.random.default_rng(4))
    caster = RayCaster(mesh, np.zeros(len(mesh.triangles), np.int32))
    y, z = np.meshgrid(np.linspace(-.6, .6, 40), np.linspace(.1, 1., 30))
    starts = np.column_stack([np.full(y.size, -10.), y.ravel(), z.ravel()])
    hits = caster.cast(starts, np.tile([1., 0., 0.], (y.size, 1)))
    assert .05 < hits.hit.mean() < .98
    assert np.std(hits.distance[hits.hit]) > .15


def test_a_hedge_is_as_long_as_asked_for_and_stands_on_the_ground():
    low, high = hedge(8., np.random.default_rng(0)).bounds
    assert high[0] - low[0] == pytest.approx(8., abs=.8)
    assert -.5 < low[2] < .2


def test_a_tree_has_wood_and_most_have_leaves():
    meshes = [tree(np.random.default_rng(seed)) for seed in range(30)]
    assert all((mesh.materials == Material.BARK).any() for mesh in meshes)
    leafy = np.mean([(mesh.materials == Material.FOLIAGE).any() for mesh in meshes])
    assert .6 < leafy < 1
