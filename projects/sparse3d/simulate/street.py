"""Random street scenes: traffic, parked cars, people and scenery, without collisions.

Traffic keeps to the right; positive offsets are left of the center line and belong to
the oncoming traffic.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparse3d.simulate.footprints import Occupancy
from sparse3d.simulate.people import Cyclist, Outfit, Pedestrian
from sparse3d.simulate.scene import Actor, Daylight, Rigid, Scene, Shape
from sparse3d.simulate.scenery import Scenery
from sparse3d.simulate.skeleton import Gait
from sparse3d.simulate.terrain import Terrain, random_relief, random_road
from sparse3d.simulate.tracks import AlongRoad, Still, Straight, Track
from sparse3d.simulate.vehicles import (
    CAR_COLORS,
    CAR_PROFILES,
    PROFILES,
    build_truck,
    build_vehicle,
    draw_size,
)

EGO_SIZE = (4.6, 1.9)


@dataclass(frozen=True)
class Extent:
    """How far the world goes from where the drive begins and, ahead, ends [m]."""
    behind: float = 60.0
    ahead: float = 110.0
    half_width: float = 90.0


def random_street(rng: np.random.Generator, duration: float, people: float = 1.0,
                  extent: Extent | None = None) -> Scene:
    """A street scene that lasts ``duration`` seconds around an ego vehicle driving along x.

    ``people`` multiplies the number of pedestrians; nothing else changes with it but the light,
    which is drawn last.
    """
    extent = extent or Extent()
    crossing = float(rng.uniform(15, 60)) if rng.random() < .5 else None
    terrain = Terrain(random_road(rng, crossing), random_relief(rng))
    road = terrain.road
    lane = int(rng.integers(road.lanes_per_side))
    ego = AlongRoad(road, 0.0, -(lane + .5) * road.lane_width, float(rng.uniform(4, 12)))
    occupancy = Occupancy(np.linspace(0, duration, max(2, int(np.ceil(4 * duration)) + 1)))
    x_range = (-extent.behind, extent.ahead + ego.speed * duration)
    traffic = Traffic(terrain, occupancy, rng)
    traffic.reserve(EGO_SIZE, ego)
    scenery = Scenery(terrain, occupancy, rng)
    scenery.line_road(x_range)
    traffic.drive_lanes(x_range, ego.speed)
    traffic.park(x_range)
    traffic.cross()
    traffic.stand_in_driveways(x_range)
    traffic.cycle(x_range)
    traffic.walk(x_range, people)
    ground = terrain.mesh((x_range[0] - 40, x_range[1] + 40), extent.half_width)
    return Scene(terrain, ground, scenery.mesh(), tuple(traffic.actors), ego, _daylight(rng))


class Traffic:
    """Fills a road with actors; whatever would collide at any time is not placed."""

    def __init__(self, terrain: Terrain, occupancy: Occupancy, rng: np.random.Generator) -> None:
        self._terrain, self._road = terrain, terrain.road
        self._occupancy, self._rng = occupancy, rng
        self.actors: list[Actor] = []

    def reserve(self, size: tuple[float, float], track: Track) -> bool:
        """Take the ground that a thing of length and width ``size`` covers on its track."""
        places = [track.at(time) for time in self._occupancy.times]
        return self._occupancy.try_to_add(
            np.array([[place.x, place.y, *size, place.yaw] for place in places]))

    def add(self, shape: Shape, track: Track) -> None:
        """Add an actor if its way is free at all times."""
        if self.reserve(shape.size[:2], track):
            phase = float(self._rng.uniform(0, 2 * np.pi))
            self.actors.append(Actor(len(self.actors), shape, track, phase))

    def drive_lanes(self, x_range: tuple[float, float], pace: float) -> None:
        """Moving and queueing vehicles on every lane."""
        for side in (-1, 1):
            for lane in range(self._road.lanes_per_side):
                offset = side * (lane + .5) * self._road.lane_width
                queue = self._rng.random() < .25
                speed = 0.01 if queue else pace * self._rng.uniform(.7, 1.2)
                gap = (7, 14) if queue else (12, 45)
                x = x_range[0] + self._rng.uniform(0, 15)
                while x < x_range[1]:
                    track = AlongRoad(
                        self._road, x, offset + self._rng.normal(0, .15),
                        -side * speed * self._rng.uniform(.9, 1.1), self._rng.normal(0, .02))
                    self.add(self._vehicle(), track)
                    x += self._rng.uniform(*gap)

    def park(self, x_range: tuple[float, float]) -> None:
        """Cars parked along the curb, or at an angle in wide parking strips."""
        for side, strip in ((1, self._road.parking_left), (-1, self._road.parking_right)):
            if not strip:
                continue
            angled = strip > 3
            share, turn = self._rng.uniform(.2, .7), self._rng.uniform(.9, 1.57)
            pitch = 3.4 if angled else 6.3
            for x in np.arange(x_range[0], x_range[1], pitch):
                if self._rng.random() < share and not self._near_crossing(x, 5):
                    self._park_one(x + self._rng.normal(0, .2), side, strip,
                                   turn if angled else 0.0)

    def cross(self) -> None:
        """Vehicles on the crossing street, waiting or driving."""
        if self._road.crossing is None:
            return
        for direction in (-1, 1):
            x = self._road.crossing + direction * self._road.crossing_half / 2
            for _ in range(self._rng.integers(0, 4)):
                edge = self._road.half_width + 8
                offset = -direction * self._rng.uniform(edge, edge + 25)
                speed = self._rng.choice([0.0, self._rng.uniform(3, 9)])
                y = float(self._road.center(x)) + offset
                yaw = direction * np.pi / 2 + self._rng.normal(0, .03)
                self.add(self._vehicle(), Straight(x, y, yaw, float(speed)))

    def stand_in_driveways(self, x_range: tuple[float, float]) -> None:
        """Cars beyond the pavement, heading anywhere."""
        for _ in range(self._rng.integers(2, 9)):
            x, side = self._rng.uniform(*x_range), self._rng.choice([-1, 1])
            offset = side * (self._curb(side) + self._road.pavement + self._rng.uniform(2.5, 7))
            spot = self._road.point(x, offset)
            yaw = self._rng.uniform(-np.pi, np.pi)
            self.add(self._vehicle(), Still(float(spot[0]), float(spot[1]), float(yaw)))

    def cycle(self, x_range: tuple[float, float]) -> None:
        """Cyclists at the edge of the carriageway."""
        for _ in range(self._rng.integers(2, 12)):
            side = int(self._rng.choice([-1, 1]))
            offset = side * (self._road.half_width - self._rng.uniform(.1, .5))
            speed = -side * self._rng.uniform(2.5, 6)
            shape = Cyclist(float(self._rng.uniform(1.62, 1.88)), self._outfit(),
                            tuple(self._rng.uniform(.05, .6, 3)))
            self.add(shape, AlongRoad(self._road, self._rng.uniform(*x_range), offset, speed,
                                      self._rng.normal(0, .04)))

    def walk(self, x_range: tuple[float, float], factor: float = 1.0) -> None:
        """Pedestrians on the pavements, standing about, and crossing the road."""
        for _ in range(round(factor * self._rng.integers(4, 16))):
            side, x = int(self._rng.choice([-1, 1])), self._rng.uniform(*x_range)
            kind = self._rng.choice(['along', 'standing', 'crossing'], p=[.65, .2, .15])
            offset = side * (self._curb(side) + self._rng.uniform(.8, self._road.pavement - .3))
            if kind == 'along':
                speed = self._rng.choice([-1, 1]) * self._rng.uniform(.8, 1.7)
                self.add(self._pedestrian(), AlongRoad(self._road, x, offset, speed))
                continue
            offset = self._rng.uniform(-1, 1) * self._curb(1) if kind == 'crossing' else offset
            spot, yaw = self._road.point(x, offset), self._rng.uniform(-np.pi, np.pi)
            if kind == 'standing':
                self.add(self._pedestrian(swing=.03),
                         Still(float(spot[0]), float(spot[1]), float(yaw)))
            else:
                yaw = float(self._road.heading(x)) + self._rng.choice([-1, 1]) * np.pi / 2
                self.add(self._pedestrian(), Straight(float(spot[0]), float(spot[1]), yaw,
                                                      self._rng.uniform(.9, 1.8)))

    def _park_one(self, x: float, side: int, strip: float, turn: float) -> None:
        offset = side * (self._road.half_width + strip / 2 + self._rng.normal(0, .08))
        spot = self._road.point(x, offset)
        with_traffic = side < 0 if self._rng.random() < .8 else side > 0
        yaw = float(self._road.heading(x)) + self._rng.normal(0, .04) - side * turn
        yaw += 0.0 if with_traffic else np.pi
        shape = self._vehicle(trucks=False)
        if not turn or shape.size[0] < strip:
            self.add(shape, Still(float(spot[0]), float(spot[1]), yaw))

    def _curb(self, side: int) -> float:
        road = self._road
        return road.half_width + (road.parking_left if side > 0 else road.parking_right)

    def _near_crossing(self, x: float, margin: float) -> bool:
        road = self._road
        return road.crossing is not None and abs(x - road.crossing) < road.crossing_half + margin

    def _vehicle(self, trucks: bool = True) -> Rigid:
        color = CAR_COLORS[self._rng.integers(len(CAR_COLORS))]
        draw = self._rng.random()
        if trucks and draw < .04:
            size = tuple(np.round(self._rng.uniform((7, 2.4, 2.8), (10, 2.6, 3.6)), 2))
            return Rigid('Truck', size, build_truck(size, color))
        name = 'van' if draw < .14 else CAR_PROFILES[self._rng.integers(len(CAR_PROFILES))]
        size = draw_size(self._rng, PROFILES[name])
        return Rigid(PROFILES[name].kind, size, build_vehicle(PROFILES[name], size, color))

    def _pedestrian(self, swing: float = .32) -> Pedestrian:
        gait = Gait(swing * self._rng.uniform(.8, 1.2), swing * self._rng.uniform(.5, 1.2),
                    float(self._rng.uniform(.1, .6)))
        return Pedestrian(float(self._rng.uniform(1.55, 1.92)), gait, self._outfit())

    def _outfit(self) -> Outfit:
        return Outfit(shirt=tuple(self._rng.uniform(.05, .85, 3)),
                      trousers=tuple(self._rng.uniform(.05, .5, 3)))


def _daylight(rng: np.random.Generator) -> Daylight:
    azimuth, height = rng.uniform(-np.pi, np.pi), rng.uniform(.45, 1.1)
    sun = np.array([np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height),
                    np.sin(height)])
    return Daylight(sun, sun_strength=float(rng.uniform(.45, 1.0)),
                    ambient=float(rng.uniform(.5, .65)))
