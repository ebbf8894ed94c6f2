"""A rotating LiDAR: beams, range noise, drop-out and intensity."""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sparse3d.simulate.echoes import Receiver, listen
from sparse3d.simulate.poses import rotate
from sparse3d.simulate.scene import Snapshot


def hdl64e_elevations() -> np.ndarray:
    """Elevations [64] in radians of a Velodyne HDL-64E, highest first.

    Upper block: 32 lasers from +2 to -8.33 degrees every third of a degree; lower block:
    32 lasers from -8.83 to -24.33 degrees every half degree (Velodyne HDL-64E manual).
    """
    upper = 2.0 - np.arange(32) / 3
    lower = -8.83 - np.arange(32) / 2
    return np.radians(np.concatenate([upper, lower]))


@dataclass(frozen=True)
class Lidar:
    """Geometry and noise of a rotating LiDAR. Its frame: x forward, y left, z up."""
    elevations: np.ndarray = field(default_factory=hdl64e_elevations)  # [B] rad
    azimuths: int = 2000             # firings per full turn
    field_of_view: float = 360.0     # part of the turn that is cast, around +x [deg]
    min_range: float = 0.9           # [m]
    max_range: float = 120.0         # [m]
    range_noise: float = 0.02        # standard deviation [m], clipped at 3 sigma
    intensity_noise: float = 0.02    # standard deviation, 0..1
    ego_from_lidar: np.ndarray = field(default_factory=lambda: np.eye(4))  # [4, 4]


@dataclass(frozen=True)
class Sweep:
    """One turn of the LiDAR."""
    points: np.ndarray     # [N, 4] float32: x, y, z [m] in the LiDAR frame, intensity 0..1
    instances: np.ndarray  # [N] int32: actor hit, or GROUND, STATIC, NOTHING for drops in the air
    beams: np.ndarray      # [N] int16: index into the elevations
    firings: np.ndarray    # [N] int32: index of the azimuth, clockwise from behind


def scan(snapshot: Snapshot, lidar: Lidar, rng: np.random.Generator) -> Sweep:
    """One sweep of the world: points beam by beam, in the order of the azimuth.

    The whole sweep is taken at one instant, as if compensated for the ego motion.
    """
    directions, beams, firings = _rays(lidar, phase=rng.uniform())
    world_from_lidar = snapshot.world_from_ego @ lidar.ego_from_lidar
    receiver = Receiver(lidar.min_range, lidar.max_range, lidar.range_noise, lidar.intensity_noise)
    echoes = listen(snapshot, world_from_lidar[:3, 3], rotate(world_from_lidar, directions),
                    receiver, rng)
    rays = np.flatnonzero(echoes.heard)
    points = np.column_stack([directions[rays] * echoes.distance[rays, None],
                              np.round(echoes.intensity[rays], 2)])
    return Sweep(points.astype(np.float32), echoes.instance[rays], beams[rays], firings[rays])


def _rays(lidar: Lidar, phase: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit rays [R, 3] in the LiDAR frame, their beams and firings [R].

    ``phase`` (0..1) shifts all azimuths by that part of a firing.
    """
    azimuths = np.pi - (np.arange(lidar.azimuths) + phase) * (2 * np.pi / lidar.azimuths)
    cast = np.flatnonzero(np.abs(azimuths) <= np.radians(lidar.field_of_view / 2)).astype(np.int32)
    elevation, azimuth = np.meshgrid(lidar.elevations, azimuths[cast], indexing='ij')
    directions = np.stack([np.cos(elevation) * np.cos(azimuth),
                           np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], axis=-1)
    beams = np.repeat(np.arange(len(lidar.elevations), dtype=np.int16), len(cast))
    return directions.reshape(-1, 3), beams, np.tile(cast, len(lidar.elevations))
