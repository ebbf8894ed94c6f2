"""Uneven ground: steeper slopes, raised pavements behind curbs, rough grass."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparse3d.simulate.materials import Material
from sparse3d.simulate.mesh import Mesh, make_mesh
from sparse3d.simulate.terrain import COLORS, Relief, Road, Terrain

_CURB_WIDTH = .3  # over which the ground rises [m]


@dataclass(frozen=True)
class UnevenTerrain(Terrain):
    """A terrain whose pavements lie higher than the road, and whose grass is rough."""
    curb: float = 0.0       # [m]
    bank: float = 0.0       # rise per meter beyond the pavement, at most 3 m
    roughness: float = 0.0  # standard deviation beyond the pavement [m]

    def height(self, xy: np.ndarray) -> np.ndarray:
        """z [...] of the ground at world points [..., 2], without the roughness."""
        xy = np.asarray(xy, dtype=np.float64)
        flat = xy.reshape(-1, 2)
        beyond = self._beyond_curb(flat)
        if self.road.crossing is not None:
            beyond = np.minimum(beyond, np.abs(flat[:, 0] - self.road.crossing)
                                - self.road.crossing_half)
        rise = self.curb * np.clip(beyond / _CURB_WIDTH, 0, 1)
        rise += np.clip(self.bank * np.maximum(beyond - self.road.pavement, 0), -3, 3)
        return super().height(xy) + rise.reshape(xy.shape[:-1])

    def rough_mesh(self, x_range: tuple[float, float], half_width: float,
                   rng: np.random.Generator) -> Mesh:
        """Ground as triangles of 1 m along and 0.5 m across the road."""
        xs = np.arange(x_range[0], x_range[1] + 1, 1.)
        ys = np.arange(-half_width, half_width + .5, .5)
        x, y = np.meshgrid(xs, ys, indexing='ij')
        xy = np.stack([x, y], axis=-1)
        rough = self._beyond_curb(xy.reshape(-1, 2)).reshape(x.shape) > self.road.pavement
        z = self.height(xy) + rng.normal(0, 1, x.shape) * self.roughness * rough
        corner = (np.arange(len(xs) - 1)[:, None] * len(ys) + np.arange(len(ys) - 1)).ravel()
        right, up, both = corner + len(ys), corner + 1, corner + len(ys) + 1
        triangles = np.concatenate([np.column_stack([corner, right, both]),
                                    np.column_stack([corner, both, up])])
        return make_mesh(np.stack([x, y, z], axis=-1).reshape(-1, 3), triangles,
                         Material.ASPHALT, COLORS[Material.ASPHALT])

    def _beyond_curb(self, xy: np.ndarray) -> np.ndarray:
        offset = self.road.offset(xy)
        return np.abs(offset) - self.road.half_width - np.where(
            offset > 0, self.road.parking_left, self.road.parking_right)


def random_terrain(rng: np.random.Generator, road: Road, uneven: bool) -> UnevenTerrain:
    """Waves of centimeters to decimeters on a slope of a few percent; flat but for the slope of
    a street otherwise."""
    strength = rng.choice([.3, 1., 2.5], p=[.3, .35, .35]) if uneven else .3
    slope = np.clip(rng.normal(0, .008 * strength, 2), -.05, .05)
    length, direction = rng.uniform(25, 90, 4), rng.uniform(0, np.pi, 4)
    waves = np.column_stack([
        rng.uniform(.01, .07, 4) * strength, 2 * np.pi / length * np.cos(direction),
        2 * np.pi / length * np.sin(direction), rng.uniform(0, 2 * np.pi, 4)])
    relief = Relief((float(slope[0]), float(slope[1])), waves)
    if not uneven:
        return UnevenTerrain(road, relief)
    bank = rng.choice([0., rng.uniform(-.1, .35)], p=[.6, .4])
    return UnevenTerrain(road, relief, float(rng.choice([0., rng.uniform(.05, .2)], p=[.25, .75])),
                         float(bank), float(rng.choice([0., rng.uniform(.01, .07)], p=[.3, .7])))
