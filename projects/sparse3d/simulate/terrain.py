"""The ground: a gently curved road on a gently sloped, undulating surface.

World frame: x roughly along the road, y left, z up, meters. Places along the road are
given by ``x`` and the signed distance ``offset`` from the center line, positive to the left.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparse3d.simulate.materials import Material
from sparse3d.simulate.mesh import Mesh, make_mesh

MARKING_WIDTH, DASH, GAP = .15, 3.0, 6.0
COLORS = {Material.ASPHALT: (.27, .27, .28), Material.MARKING: (.85, .85, .82),
          Material.CONCRETE: (.52, .50, .47), Material.GRASS: (.23, .33, .13)}


@dataclass(frozen=True)
class Road:
    """Course and cross-section of the road; the center line is a sine in the world's plane."""
    lanes_per_side: int = 1
    lane_width: float = 3.4
    parking_left: float = 0.0      # width of the parking strip [m], 0 for none
    parking_right: float = 0.0
    pavement: float = 2.5          # width of the pavements [m]
    bend: float = 0.0              # amplitude of the center line [m]
    bend_length: float = 200.0     # wave length of the center line [m]
    bend_phase: float = 0.0
    crossing: float | None = None  # x of the middle of a crossing street
    crossing_half: float = 3.5     # half its width [m]

    @property
    def half_width(self) -> float:
        """Half the width of the carriageway, without parking strips."""
        return self.lanes_per_side * self.lane_width

    def center(self, x: np.ndarray | float) -> np.ndarray:
        """y of the center line at ``x``."""
        angle = 2 * np.pi * np.asarray(x) / self.bend_length + self.bend_phase
        return self.bend * (np.sin(angle) - np.sin(self.bend_phase))

    def heading(self, x: np.ndarray | float) -> np.ndarray:
        """Direction of the road at ``x`` [rad]."""
        angle = 2 * np.pi * np.asarray(x) / self.bend_length + self.bend_phase
        return np.arctan(self.bend * 2 * np.pi / self.bend_length * np.cos(angle))

    def point(self, x: np.ndarray | float, offset: np.ndarray | float) -> np.ndarray:
        """World x, y [..., 2] of the place ``offset`` meters left of the road at ``x``."""
        heading = self.heading(x)
        return np.stack([np.asarray(x) - offset * np.sin(heading),
                         self.center(x) + offset * np.cos(heading)], axis=-1)

    def offset(self, xy: np.ndarray) -> np.ndarray:
        """Signed distance [N] of world points [N, 2] from the center line (to first order)."""
        return (xy[:, 1] - self.center(xy[:, 0])) * np.cos(self.heading(xy[:, 0]))

    def surface(self, xy: np.ndarray) -> np.ndarray:
        """Material [N] of the ground at world points [N, 2]."""
        x, offset = xy[:, 0], self.offset(xy)
        distance = np.abs(offset)
        curb = self.half_width + np.where(offset > 0, self.parking_left, self.parking_right)
        surface = np.full(len(xy), Material.GRASS, dtype=np.uint8)
        surface[distance < curb + self.pavement] = Material.CONCRETE
        surface[distance < curb] = Material.ASPHALT
        surface[self._is_marking(x, distance)] = Material.MARKING
        if self.crossing is not None:
            self._lay_crossing(surface, x, distance, curb)
        return surface

    def _is_marking(self, x: np.ndarray, distance: np.ndarray) -> np.ndarray:
        edge = np.abs(distance - self.half_width + .2) < MARKING_WIDTH / 2
        lanes = np.round(distance / self.lane_width)
        on_line = np.abs(distance - lanes * self.lane_width) < MARKING_WIDTH / 2
        dashed = on_line & (lanes < self.lanes_per_side) & (np.mod(x, DASH + GAP) < DASH)
        return edge | dashed

    def _lay_crossing(self, surface: np.ndarray, x: np.ndarray, distance: np.ndarray,
                      curb: np.ndarray) -> None:
        along = np.abs(x - self.crossing)
        surface[(along < self.crossing_half + self.pavement) & (distance > curb)] = \
            Material.CONCRETE
        surface[along < self.crossing_half] = Material.ASPHALT
        zebra = np.abs(along - self.crossing_half - 2.0) < 1.5
        stripes = (distance < self.half_width) & (np.mod(distance + .25, 1.0) < .5)
        surface[zebra & (distance < self.half_width)] = Material.ASPHALT
        surface[zebra & stripes] = Material.MARKING


@dataclass(frozen=True)
class Relief:
    """Heights of the ground: a plane plus waves."""
    slope: tuple[float, float] = (0.0, 0.0)  # rise per meter in x and y
    waves: np.ndarray | None = None          # [W, 4] amplitude, wave numbers in x and y, phase

    def height(self, xy: np.ndarray) -> np.ndarray:
        """z [...] of the ground at world points [..., 2]."""
        xy = np.asarray(xy, dtype=np.float64)
        height = xy[..., 0] * self.slope[0] + xy[..., 1] * self.slope[1]
        for amplitude, wave_x, wave_y, phase in (() if self.waves is None else self.waves):
            height = height + amplitude * np.sin(wave_x * xy[..., 0] + wave_y * xy[..., 1] + phase)
        return height


@dataclass(frozen=True)
class Terrain:
    """Road and relief together."""
    road: Road
    relief: Relief

    def height(self, xy: np.ndarray) -> np.ndarray:
        """z [...] of the ground at world points [..., 2]."""
        return self.relief.height(xy)

    def mesh(self, x_range: tuple[float, float], half_width: float, cell: float = 2.0) -> Mesh:
        """Ground as a grid of triangles; materials come from `Road.surface` at each hit."""
        xs = np.arange(x_range[0], x_range[1] + cell, cell)
        ys = np.arange(-half_width, half_width + cell, cell)
        x, y = np.meshgrid(xs, ys, indexing='ij')
        z = self.height(np.stack([x, y], axis=-1))
        corner = (np.arange(len(xs) - 1)[:, None] * len(ys) + np.arange(len(ys) - 1)).ravel()
        right, up, both = corner + len(ys), corner + 1, corner + len(ys) + 1
        triangles = np.concatenate([np.column_stack([corner, right, both]),
                                    np.column_stack([corner, both, up])])
        vertices = np.stack([x, y, z], axis=-1).reshape(-1, 3)
        return make_mesh(vertices, triangles, Material.ASPHALT, COLORS[Material.ASPHALT])


def random_relief(rng: np.random.Generator) -> Relief:
    """Slope of about one percent with waves of a few centimeters over 30 to 90 meters."""
    slope = np.clip(rng.normal(0, (.006, .006)), -.015, .015)
    count = 4
    length, direction = rng.uniform(30, 90, count), rng.uniform(0, np.pi, count)
    waves = np.column_stack([
        rng.uniform(.01, .07, count), 2 * np.pi / length * np.cos(direction),
        2 * np.pi / length * np.sin(direction), rng.uniform(0, 2 * np.pi, count)])
    return Relief(slope=(float(slope[0]), float(slope[1])), waves=waves)


def random_road(rng: np.random.Generator, crossing: float | None) -> Road:
    """A street of one or two lanes each way, with or without parking strips."""
    parking = rng.choice([0.0, 2.3, 5.0], size=2, p=[.25, .6, .15])
    return Road(
        lanes_per_side=int(rng.choice([1, 2], p=[.7, .3])), lane_width=float(rng.uniform(3.1, 3.7)),
        parking_left=float(parking[0]), parking_right=float(parking[1]),
        pavement=float(rng.uniform(1.8, 3.5)), bend=float(rng.uniform(-5, 5)),
        bend_length=float(rng.uniform(160, 320)), bend_phase=float(rng.uniform(0, 2 * np.pi)),
        crossing=crossing, crossing_half=float(rng.uniform(3.2, 4.5)))
