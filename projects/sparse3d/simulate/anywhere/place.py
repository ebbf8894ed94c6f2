"""Random places: streets, parking lots, squares; vehicles at any heading, people, clutter."""
from __future__ import annotations

import numpy as np

from sparse3d.simulate.anywhere.bodies import PAINTS, build_body, draw_body
from sparse3d.simulate.anywhere.clutter import THINGS, wall
from sparse3d.simulate.anywhere.ground import UnevenTerrain, random_terrain
from sparse3d.simulate.anywhere.ingredients import Ingredients
from sparse3d.simulate.anywhere.large_vehicles import build_large_vehicle, draw_large_vehicle
from sparse3d.simulate.anywhere.people import draw_cyclist, draw_pedestrian
from sparse3d.simulate.anywhere.plants import bush, hedge, tree
from sparse3d.simulate.footprints import Occupancy
from sparse3d.simulate.mesh import Mesh
from sparse3d.simulate.scene import Daylight, Rigid, Scene
from sparse3d.simulate.scenery import Scenery, building
from sparse3d.simulate.street import Traffic
from sparse3d.simulate.terrain import random_road
from sparse3d.simulate.tracks import Still

REACH = (-65.0, 65.0)   # of a place along x [m]
HALF_WIDTH = 75.0       # [m]
EGO_SIZE = (5.0, 2.2)
CAR, LARGE = 'Car', 'LargeVehicle'
STYLES = ('street', 'lot', 'square')


def random_place(rng: np.random.Generator, ingredients: Ingredients) -> Scene:
    """A place at one instant; the sensor's vehicle stands on the road at the origin."""
    style = STYLES[rng.choice(3, p=[.6, .2, .2])] if ingredients.headings else 'street'
    crossing = float(rng.uniform(-45, 45)) if rng.random() < .5 else None
    terrain = random_terrain(rng, random_road(rng, crossing), ingredients.terrain)
    lane = int(rng.integers(terrain.road.lanes_per_side))
    offset = -(lane + .5) * terrain.road.lane_width
    spot = terrain.road.point(0., offset)
    ego = Still(float(spot[0]), float(spot[1]), float(terrain.road.heading(0.)))
    occupancy = Occupancy(np.zeros(1))
    traffic = MixedTraffic(terrain, occupancy, rng, ingredients)
    scenery = MixedScenery(terrain, occupancy, rng, ingredients)
    traffic.reserve(EGO_SIZE, ego)
    if style == 'street':
        scenery.line_road(REACH)
        traffic.fill_street(REACH)
        scenery.add_houses(int(rng.integers(0, 10)))
    elif style == 'lot':
        traffic.fill_lots()
        scenery.line_road(REACH)
        scenery.add_houses(int(rng.integers(0, 14)))
    else:
        scenery.scatter_walls()
        traffic.scatter(int(rng.integers(8, 40)))
        scenery.add_houses(int(rng.integers(0, 14)))
    if style == 'lot':
        traffic.drive_lanes(REACH, 8.)
    traffic.cycle(REACH)
    traffic.walk(REACH, float(rng.uniform(.5, 2.5)))
    traffic.gather(int(rng.integers(0, 5)))
    if ingredients.clutter:
        scenery.scatter_clutter(int(rng.integers(15, 60)))
    if ingredients.plants:
        scenery.scatter_plants(int(rng.integers(8, 60)))
    ground = terrain.rough_mesh((REACH[0] - 25, REACH[1] + 25), HALF_WIDTH + 15, rng)
    return Scene(terrain, ground, scenery.mesh(), tuple(traffic.actors), ego,
                 Daylight(np.array([0., 0., 1.])))


class MixedTraffic(Traffic):
    """Traffic of lofted bodies, with large vehicles, at any heading."""

    def __init__(self, terrain: UnevenTerrain, occupancy: Occupancy, rng: np.random.Generator,
                 ingredients: Ingredients) -> None:
        super().__init__(terrain, occupancy, rng)
        self._ingredients = ingredients

    def fill_street(self, x_range: tuple[float, float]) -> None:
        """Lanes, parked rows, the crossing street and driveways."""
        self.drive_lanes(x_range, 8.)
        self.park(x_range)
        self.cross()
        if self._ingredients.headings:
            self.stand_in_driveways(x_range)

    def fill_lots(self) -> None:
        """Rows of parked vehicles at any angle beside the road, rather full or rather empty."""
        road, rng = self._road, self._rng
        for side in (-1, 1):
            if rng.random() < .25:
                continue
            turn, pitch = rng.uniform(-np.pi, np.pi), rng.uniform(2.4, 3.2)
            share, depth = rng.uniform(.25, .95), rng.uniform(9.5, 13)
            edge = self._curb(side) + road.pavement + 4
            along = np.arange(-35, 36, pitch)
            for row in range(int(rng.integers(1, 4))):
                for back in (0, 1):
                    offsets = side * (edge + 3 + row * 2 * depth + back * 5.2)
                    for x in along[rng.random(len(along)) < share]:
                        spot = road.point(x + rng.normal(0, .12), offsets + rng.normal(0, .25))
                        yaw = np.pi / 2 + turn * .15 + rng.choice([0, np.pi]) + rng.normal(0, .04)
                        self.add(self._vehicle(trucks=rng.random() < .1),
                                 Still(float(spot[0]), float(spot[1]), float(yaw)))

    def scatter(self, count: int) -> None:
        """Vehicles anywhere, heading anywhere."""
        for _ in range(count):
            x, y = self._rng.uniform((-50, -45), (50, 45))
            self.add(self._vehicle(), Still(float(x), float(y),
                                            float(self._rng.uniform(-np.pi, np.pi))))

    def gather(self, groups: int) -> None:
        """Groups of people standing or walking together, and cyclists beside them."""
        for _ in range(groups):
            middle = self._rng.uniform((-40, -30), (40, 30))
            for _ in range(int(self._rng.integers(2, 7))):
                x, y = middle + self._rng.normal(0, 1.6, 2)
                place = Still(float(x), float(y), float(self._rng.uniform(-np.pi, np.pi)))
                cyclist = self._rng.random() < .12
                self.add(self._cyclist() if cyclist else self._pedestrian(), place)

    def cycle(self, x_range: tuple[float, float]) -> None:
        """Cyclists along the road, and some at any heading anywhere."""
        road = self._road
        for _ in range(int(self._rng.integers(1, 8))):
            side = int(self._rng.choice([-1, 1]))
            spot = road.point(self._rng.uniform(*x_range),
                              side * (road.half_width - self._rng.uniform(.1, .5)))
            yaw = np.pi * (side > 0) + self._rng.normal(0, .1)
            self.add(self._cyclist(), Still(float(spot[0]), float(spot[1]), float(yaw)))
        for _ in range(int(self._rng.integers(0, 6))):
            x, y = self._rng.uniform((-40, -35), (40, 35))
            self.add(self._cyclist(), Still(float(x), float(y),
                                            float(self._rng.uniform(-np.pi, np.pi))))

    def _vehicle(self, trucks: bool = True) -> Rigid:
        rng = self._rng
        color = PAINTS[rng.integers(len(PAINTS))]
        if trucks and self._ingredients.large_vehicles and rng.random() < .10:
            kind, size = draw_large_vehicle(rng)
            return Rigid(LARGE, size, build_large_vehicle(kind, size, color, rng))
        if not self._ingredients.bodies:
            shape = super()._vehicle(trucks=False)
            return Rigid(CAR, shape.size, shape.surface)
        name, size = draw_body(rng)
        return Rigid(CAR, size, build_body(name, size, color, rng))

    def _cyclist(self) -> Rigid:
        return draw_cyclist(self._rng)

    def _pedestrian(self, swing: float = .32) -> Rigid:
        return draw_pedestrian(self._rng)


class MixedScenery(Scenery):
    """Fixed things, with plants of leaves and clutter anywhere."""

    def __init__(self, terrain: UnevenTerrain, occupancy: Occupancy, rng: np.random.Generator,
                 ingredients: Ingredients) -> None:
        super().__init__(terrain, occupancy, rng)
        self._ingredients = ingredients

    def scatter_clutter(self, count: int) -> None:
        """Things at the edges of the road and anywhere else."""
        for _ in range(count):
            mesh, size = THINGS[self._rng.integers(len(THINGS))](self._rng)
            self._beside(mesh, size, turn=float(self._rng.choice(
                [0., np.pi / 2, self._rng.uniform(-np.pi, np.pi)])))

    def scatter_plants(self, count: int) -> None:
        """Trees, bushes and hedges."""
        for _ in range(count):
            draw = self._rng.random()
            if draw < .5:
                self._beside(tree(self._rng), (.6, .6))
            elif draw < .85:
                self._beside(*bush(self._rng), turn=float(self._rng.uniform(-np.pi, np.pi)))
            else:
                length = float(self._rng.uniform(2, 16))
                self._beside(hedge(length, self._rng), (length, 1.),
                             turn=float(self._rng.choice([0., np.pi / 2])))

    def scatter_walls(self) -> None:
        """Buildings and walls around a square."""
        wide = self._rng.uniform(18, 45)
        for side in (-1, 1):
            self._fronts(REACH, side)
        for x in (-wide, wide):
            if self._rng.random() < .6:
                mesh, size = wall(self._rng)
                self._add(mesh, size, x, float(self._rng.uniform(-15, 15)), np.pi / 2)

    def add_houses(self, count: int) -> None:
        """Buildings of any size, beyond the road."""
        for _ in range(count):
            length, depth, height = self._rng.uniform((5, 4, 2.5), (28, 14, 22))
            mesh = building(length, depth, height, self._rng.uniform(.3, .8, 3))
            side, road = self._rng.choice([-1, 1]), self._terrain.road
            edge = self._curb(side) + road.pavement + depth / 2
            self._add(mesh, (length, depth), float(self._rng.uniform(*REACH)),
                      float(side * (edge + self._rng.uniform(.5, 35))),
                      float(self._rng.choice([0., np.pi / 2, self._rng.normal(0, .3)])))

    def _beside(self, mesh: Mesh, size: tuple[float, float], turn: float = 0.) -> None:
        road, rng = self._terrain.road, self._rng
        edge = road.half_width - .3
        reach = rng.choice([6., 20., 40.])
        offset = rng.choice([-1, 1]) * (edge + rng.uniform(.3, reach))
        self._add(mesh, size, float(rng.uniform(-50, 50)), float(offset), turn)
