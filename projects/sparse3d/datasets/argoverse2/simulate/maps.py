"""The map of a simulated log: the drivable area and the height of the ground."""
from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np

from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.simulate.poses import apply, inverse
from sparse3d.simulate.terrain import Terrain

CITY = 'PIT'
CELLS_PER_METER = 10 / 3          # of the height of the ground
_STEP = 5.0                       # distance of the vertices of the road [m]
_CROSSING_LENGTH, _MARGIN = 40.0, 10.0


def drivable_areas(terrain: Terrain, x_range: tuple[float, float]) -> list[np.ndarray]:
    """Polygons (N, 3) in the world: the road with its parking strips, and the crossing street.

    Args:
        x_range: where the road begins and ends [m].
    """
    road = terrain.road
    x = np.arange(x_range[0], x_range[1] + _STEP, _STEP)
    left = road.point(x, np.full(len(x), road.half_width + road.parking_left))
    right = road.point(x, np.full(len(x), -road.half_width - road.parking_right))
    areas = [np.concatenate([left, right[::-1]])]
    if road.crossing is not None:
        middle, half = float(road.center(road.crossing)), road.crossing_half
        areas.append(np.array([[road.crossing + across * half, middle + along * _CROSSING_LENGTH]
                               for across, along in ((-1, -1), (1, -1), (1, 1), (-1, 1))]))
    return [np.column_stack([area, terrain.height(area)]) for area in areas]


def write_map(folder: Path, log: str, terrain: Terrain, x_range: tuple[float, float],
              city_from_world: np.ndarray) -> None:
    """Write the vector map, the height of the ground and its place."""
    areas = [apply(city_from_world, area) for area in drivable_areas(terrain, x_range)]
    content = dict(pedestrian_crossings={}, lane_segments={}, drivable_areas={
        str(number): dict(id=number, area_boundary=[
            dict(zip('xyz', vertex.round(2).tolist(), strict=True)) for vertex in area])
        for number, area in enumerate(areas, 1)})
    _write(folder / f'log_map_archive_{log}____{CITY}_city_1.json', content)
    low = np.concatenate(areas)[:, :2].min(axis=0) - _MARGIN
    high = np.concatenate(areas)[:, :2].max(axis=0) + _MARGIN
    width, height = ((high - low) * CELLS_PER_METER).astype(int).tolist()
    x, y = np.meshgrid(low[0] + np.arange(width) / CELLS_PER_METER,
                       low[1] + np.arange(height) / CELLS_PER_METER)
    flat = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
    world = apply(inverse(city_from_world), flat)[:, :2]
    buffer = io.BytesIO()
    ground = terrain.height(world) + city_from_world[2, 3]
    np.lib.format.write_array(buffer, ground.reshape(x.shape).astype(np.float16))
    write_bytes_atomically(folder / f'{log}_ground_height_surface____{CITY}.npy',
                           buffer.getvalue())
    _write(folder / f'{log}___img_Sim2_city.json',
           dict(R=[1.0, 0.0, 0.0, 1.0], t=(-low).tolist(), s=CELLS_PER_METER))


def _write(path: Path, content: dict) -> None:
    write_bytes_atomically(path, json.dumps(content).encode())
