"""What a ray sees where it hits: material and color, with painted-on detail.

Roads, pavements and windows are not modeled as triangles; they are looked up by the
place of the hit, which keeps the world small.
"""
from __future__ import annotations

import numpy as np

from sparse3d.simulate.materials import Material
from sparse3d.simulate.ray_casting import Hits
from sparse3d.simulate.scene import GROUND, Snapshot
from sparse3d.simulate.terrain import COLORS

STOREY, BAY = 3.0, 2.6  # distances between windows, upwards and along a wall [m]


def describe_surfaces(snapshot: Snapshot, origin: np.ndarray, directions: np.ndarray,
                      hits: Hits) -> tuple[np.ndarray, np.ndarray]:
    """Materials [N] uint8 and colors [N, 3] float32 of hits (all must have hit something).

    Args:
        origin: common origin of the rays [3], world frame.
        directions: their directions [N, 3], world frame.
    """
    mesh = snapshot.caster.mesh
    points = origin + directions * hits.distance[:, None]
    materials, colors = mesh.materials[hits.triangle], mesh.colors[hits.triangle]
    ground = np.flatnonzero(hits.instance == GROUND)
    _lay_ground(snapshot, points[ground], ground, materials, colors)
    _open_windows(points, hits.normal, materials, colors)
    rough = np.isin(materials, (Material.FOLIAGE, Material.WALL, Material.BARK))
    colors[rough] *= .8 + .4 * speckle(points[rough], .25)[:, None]
    return materials, colors


def speckle(points: np.ndarray, cell: float) -> np.ndarray:
    """Repeatable noise 0..1 [N], constant within cubes of ``cell`` meters."""
    cells = np.floor(points / cell).astype(np.int64)
    mixed = cells @ np.array([73856093, 19349663, 83492791])[:cells.shape[1]]
    mixed = (mixed ^ (mixed >> 13)) * 1274126177
    return ((mixed ^ (mixed >> 16)) & 0xFFFF).astype(np.float32) / 0xFFFF


def _lay_ground(snapshot: Snapshot, points: np.ndarray, rows: np.ndarray,
                materials: np.ndarray, colors: np.ndarray) -> None:
    surface = snapshot.terrain.road.surface(points[:, :2])
    table = np.array([COLORS.get(material, (0, 0, 0)) for material in Material],
                     dtype=np.float32)
    grain = .85 + .2 * speckle(points[:, :2], .12) + .1 * speckle(points[:, :2], 1.7)
    materials[rows] = surface
    colors[rows] = table[surface] * grain[:, None]


def _open_windows(points: np.ndarray, normals: np.ndarray, materials: np.ndarray,
                  colors: np.ndarray) -> None:
    """Paint dark windows on the façades; walls elsewhere keep their color."""
    rows = np.flatnonzero((materials == Material.FACADE) & (np.abs(normals[:, 2]) < .5))
    along = points[rows, 0] * normals[rows, 1] - points[rows, 1] * normals[rows, 0]
    column, storey = np.mod(along, BAY), np.mod(points[rows, 2], STOREY)
    window = (column > .8) & (column < 2.0) & (storey > 1.0) & (storey < 2.5)
    colors[rows[window]] = colors[rows[window]] * .25 + (.03, .05, .08)
