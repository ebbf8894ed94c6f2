"""Hand-made scenes on flat ground, for tests of the sensors and labels."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sparse3d.simulate.mesh import Mesh, merge
from sparse3d.simulate.scene import Actor, Daylight, Rigid, Scene, Shape, Snapshot
from sparse3d.simulate.terrain import Relief, Road, Terrain
from sparse3d.simulate.tracks import Still
from sparse3d.simulate.vehicles import PROFILES, build_vehicle


def make_car() -> Rigid:
    """A gray estate car."""
    profile = PROFILES['estate']
    return Rigid('Car', profile.size, build_vehicle(profile, profile.size, (.6, .6, .6)))


@pytest.fixture
def flat_world() -> Callable[..., Snapshot]:
    """Function that puts shapes at (x, y, yaw) and fixed meshes before an ego at the origin."""
    def build(placed: list[tuple[Shape, tuple[float, float, float]]] = (),
              fixed: list[Mesh] = ()) -> Snapshot:
        terrain = Terrain(Road(), Relief())
        actors = tuple(Actor(number, shape, Still(*place))
                       for number, (shape, place) in enumerate(placed))
        scene = Scene(terrain, terrain.mesh((-40, 130), 60), merge(list(fixed)), actors,
                      Still(0.0, 0.0, 0.0), Daylight(np.array([0.0, 0.0, 1.0])))
        return scene.snapshot(0.0)
    return build


@pytest.fixture
def car() -> Rigid:
    """A gray estate car."""
    return make_car()
