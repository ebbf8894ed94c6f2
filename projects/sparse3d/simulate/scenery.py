"""Fixed things beside the road: buildings, walls, hedges, lamp posts, signs, trees."""
from __future__ import annotations

import numpy as np

from sparse3d.simulate.footprints import Occupancy
from sparse3d.simulate.materials import Material
from sparse3d.simulate.mesh import Mesh, box, cylinder, ellipsoid, merge, place
from sparse3d.simulate.terrain import Terrain

_FACADES = ((.72, .66, .55), (.62, .45, .36), (.78, .76, .70), (.55, .55, .56), (.66, .58, .44))


class Scenery:
    """Places fixed things on free ground; ``mesh`` merges all of them."""

    def __init__(self, terrain: Terrain, occupancy: Occupancy, rng: np.random.Generator) -> None:
        self._terrain, self._occupancy, self._rng = terrain, occupancy, rng
        self._parts: list[Mesh] = []

    def mesh(self) -> Mesh:
        """Everything placed so far."""
        return merge(self._parts)

    def line_road(self, x_range: tuple[float, float]) -> None:
        """Furnish both sides of the road between two x."""
        for side in (-1, 1):
            self._posts(x_range, side)
            self._trees(x_range, side)
            self._fronts(x_range, side)

    def _add(self, mesh: Mesh, size: tuple[float, float], x: float, offset: float,
             turn: float = 0.0) -> None:
        """Stand a mesh (in its own frame) beside the road if its ground is free."""
        road = self._terrain.road
        spot, yaw = road.point(x, offset), float(road.heading(x)) + turn
        footprint = np.array([*spot, *size, yaw])
        if self._occupancy.try_to_add(np.tile(footprint, (len(self._occupancy.times), 1))):
            height = float(self._terrain.height(spot))
            self._parts.append(place(mesh, (*spot, height), yaw))

    def _curb(self, side: int) -> float:
        road = self._terrain.road
        return road.half_width + (road.parking_left if side > 0 else road.parking_right)

    def _at_crossing(self, x: float, margin: float) -> bool:
        road = self._terrain.road
        return road.crossing is not None and abs(x - road.crossing) < road.crossing_half + margin

    def _posts(self, x_range: tuple[float, float], side: int) -> None:
        """Lamp posts and traffic signs along the curb."""
        x = x_range[0] + self._rng.uniform(0, 25)
        while x < x_range[1]:
            lamp = self._rng.random() < .6
            mesh = _lamp_post(self._rng, side) if lamp else _sign(self._rng)
            if not self._at_crossing(x, 1.0):
                self._add(mesh, (.3, .3), x, side * (self._curb(side) + .35))
            x += self._rng.uniform(12, 32)

    def _trees(self, x_range: tuple[float, float], side: int) -> None:
        x = x_range[0] + self._rng.uniform(0, 20)
        edge = self._curb(side) + self._terrain.road.pavement
        while x < x_range[1]:
            if not self._at_crossing(x, 2.0):
                self._add(_tree(self._rng), (.6, .6), x, side * (edge + self._rng.uniform(.6, 5)))
            x += self._rng.uniform(6, 30)

    def _fronts(self, x_range: tuple[float, float], side: int) -> None:
        """A row of buildings, walls, hedges and gaps behind the pavement."""
        rng = self._rng
        edge = self._curb(side) + self._terrain.road.pavement
        setback = rng.uniform(.5, 12)
        x = x_range[0]
        while x < x_range[1]:
            length = rng.uniform(8, 22)
            middle = x + length / 2
            kind = rng.choice(['building', 'wall', 'hedge', 'gap'], p=[.5, .15, .15, .2])
            clear = not self._at_crossing(middle, length / 2 + 3)
            if kind == 'building' and clear:
                depth, height = rng.uniform(8, 12), rng.uniform(5, 14)
                color = _FACADES[rng.integers(len(_FACADES))]
                self._add(building(length - 1, depth, height, color), (length - 1, depth),
                          middle, side * (edge + setback + depth / 2))
            elif kind in ('wall', 'hedge') and clear:
                self._add(_barrier(kind, length - .5, rng), (length - .5, .4), middle,
                          side * (edge + .4))
            x += length + rng.uniform(0, 3)


def building(length: float, depth: float, height: float,
             color: tuple[float, float, float]) -> Mesh:
    """Walls and a flat roof, standing on z = 0."""
    walls = box((0, 0, (height - 1.5) / 2), (length, depth, height + 1.5), Material.FACADE, color)
    roof = box((0, 0, height + .15), (length + .5, depth + .5, .3), Material.WALL,
               (.35, .22, .18))
    return merge([walls, roof])


def _barrier(kind: str, length: float, rng: np.random.Generator) -> Mesh:
    height = rng.uniform(.9, 2.0)
    material, color = ((Material.WALL, (.50, .46, .42)) if kind == 'wall'
                       else (Material.FOLIAGE, (.15, .27, .10)))
    thickness = .25 if kind == 'wall' else .6
    return box((0, 0, height / 2 - .3), (length, thickness, height + .6), material, color)


def _lamp_post(rng: np.random.Generator, side: int) -> Mesh:
    """A post whose arm reaches over the road."""
    height, gray = rng.uniform(5, 8), (.4, .42, .42)
    post = cylinder((0, 0, -.3), (0, 0, height), .10, Material.METAL, gray, 8, end_radius=.06)
    arm = cylinder((0, 0, height), (0, -side * 1.6, height + .2), .05, Material.METAL, gray, 6)
    return merge([post, arm, box((0, -side * 1.7, height + .15), (.3, .6, .12),
                                 Material.LAMP, (.9, .9, .85))])


def _sign(rng: np.random.Generator) -> Mesh:
    """A traffic sign facing the traffic."""
    height = rng.uniform(2.2, 2.8)
    color = ((.75, .1, .1), (.1, .25, .6), (.9, .8, .2))[rng.integers(3)]
    post = cylinder((0, 0, -.3), (0, 0, height + .3), .035, Material.METAL, (.5, .5, .5), 8)
    plate = cylinder((-.05, 0, height), (-.03, 0, height), .32, Material.PLATE, color, 10)
    return merge([post, plate])


def _tree(rng: np.random.Generator) -> Mesh:
    """A trunk with a crown of a few overlapping balls of leaves."""
    trunk_height, crown = rng.uniform(1.8, 3.2), rng.uniform(1.1, 2.3)
    green = np.array([.16, .28, .09]) * rng.uniform(.7, 1.4)
    parts = [cylinder((0, 0, -.3), (0, 0, trunk_height + crown), rng.uniform(.12, .28),
                      Material.BARK, (.28, .20, .14), 8, end_radius=.08)]
    for _ in range(6):
        shift = rng.normal(0, .35 * crown, 3)
        radii = crown * rng.uniform(.5, .85, 3)
        parts.append(ellipsoid((shift[0], shift[1], trunk_height + crown + .7 * shift[2]), radii,
                               Material.FOLIAGE, green * rng.uniform(.8, 1.2), 12))
    return merge(parts)
