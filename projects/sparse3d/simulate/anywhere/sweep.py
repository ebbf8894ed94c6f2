"""One turn of a random sensor: rays through windows, losses, noise."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparse3d.simulate.anywhere.sensors import Sensor
from sparse3d.simulate.materials import Material, response_table
from sparse3d.simulate.poses import inverse, pose, rotate
from sparse3d.simulate.ray_casting import NOTHING, Hits
from sparse3d.simulate.scene import GROUND, Snapshot
from sparse3d.simulate.surfaces import describe_surfaces

WEAKEST = .02     # as of `sparse3d.simulate.echoes`
MIN_RANGE = .6    # [m]
_BEYOND_GLASS = .02  # where a ray goes on behind a pane [m]
_PANES = 3
EGO = -4          # instance number of the vehicle that carries the sensor


@dataclass(frozen=True)
class AnywhereSweep:
    """Points of one turn."""
    points: np.ndarray     # [N, 4] float32: x, y, z [m] in the sensor's frame, intensity
    instances: np.ndarray  # [N] int32: actor hit, GROUND, STATIC, EGO, NOTHING for drops
    rings: np.ndarray      # [N] int16


def mount(snapshot: Snapshot, sensor: Sensor) -> np.ndarray:
    """Pose of the sensor [4, 4], sensor to world: above the ego vehicle, a little tilted."""
    tilt = np.eye(4)
    tilt[:3, :3] = _turn(sensor.roll, 0) @ _turn(sensor.pitch, 1)
    raised = pose(np.array([0., 0., sensor.height]))
    return snapshot.world_from_ego @ raised @ tilt


def sweep(snapshot: Snapshot, sensor: Sensor, rng: np.random.Generator) -> AnywhereSweep:
    """All points of one turn, ring by ring, taken at one instant."""
    world_from_sensor = mount(snapshot, sensor)
    directions, rings, azimuths = _rays(sensor, rng)
    origin = world_from_sensor[:3, 3]
    distance, instance, intensity, lost = _echoes(
        snapshot, origin, rotate(world_from_sensor, _spread(directions, sensor, rng)), sensor, rng)
    lost |= rng.random(len(lost)) < sensor.drop
    lost |= rng.random(len(lost)) < np.broadcast_to(sensor.ring_drops, len(sensor.elevations))[
        rings]
    for middle, half, share in sensor.blind:
        apart = np.abs((azimuths - middle + np.pi) % (2 * np.pi) - np.pi)
        lost |= (apart < half) & (rng.random(len(lost)) < share)
    distance = distance + np.clip(rng.standard_normal(len(lost)), -3, 3) * sensor.range_noise
    distance += np.broadcast_to(sensor.ring_offsets, len(sensor.elevations))[rings]
    distance, instance, lost = _own_vehicle(sensor, directions, distance, instance, lost)
    kept = np.flatnonzero(~lost & (distance > MIN_RANGE) & (distance < sensor.max_range)
                          | ~lost & (instance == EGO))
    scaled = np.round(np.clip(intensity[kept], 0, .99) * sensor.unit, 2)
    points = np.column_stack([directions[kept] * distance[kept, None], scaled])
    return AnywhereSweep(points.astype(np.float32), instance[kept].astype(np.int32), rings[kept])


def _rays(sensor: Sensor, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    steps = (np.arange(sensor.azimuths) + rng.uniform()) * (2 * np.pi / sensor.azimuths)
    elevation, azimuth = np.meshgrid(sensor.elevations, np.pi - steps, indexing='ij')
    azimuth = azimuth + rng.uniform(0, .02, (len(sensor.elevations), 1))
    directions = np.stack([np.cos(elevation) * np.cos(azimuth),
                           np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], axis=-1)
    rings = np.repeat(np.arange(len(sensor.elevations), dtype=np.int16), sensor.azimuths)
    return directions.reshape(-1, 3), rings, azimuth.ravel()


def _spread(directions: np.ndarray, sensor: Sensor, rng: np.random.Generator) -> np.ndarray:
    """A wide pulse hits somewhere within its width, and is reported along its middle."""
    if not sensor.divergence:
        return directions
    return directions + rng.standard_normal(directions.shape).astype(np.float32) \
        * np.float32(sensor.divergence)


def _echoes(snapshot: Snapshot, origin: np.ndarray, directions: np.ndarray, sensor: Sensor,
            rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Distance, instance, intensity and whether lost, of R pulses."""
    count = len(directions)
    hits = snapshot.caster.cast(origin, directions)
    distance, instance = hits.distance.astype(np.float64), hits.instance.copy()
    hits = _through_windows(snapshot, origin, directions, hits, distance, instance, sensor, rng)
    intensity, lost = np.zeros(count), np.ones(count, bool)
    rows = np.flatnonzero(np.isfinite(distance) & (distance < sensor.max_range))
    if len(rows):
        strength, chance = _answers(snapshot, origin, directions[rows], hits.rows(rows),
                                    distance[rows], sensor)
        intensity[rows] = strength + .03 * rng.standard_normal(len(rows))
        lost[rows] = rng.random(len(rows)) < chance
    drops = snapshot.weather.false_echoes(distance, rng)
    wet = np.isfinite(drops)
    distance[wet], instance[wet], lost[wet], intensity[wet] = drops[wet], NOTHING, False, .03
    return distance, instance, intensity, lost


def _through_windows(snapshot: Snapshot, origin: np.ndarray, directions: np.ndarray, hits: Hits,
                     distance: np.ndarray, instance: np.ndarray, sensor: Sensor,
                     rng: np.random.Generator) -> Hits:
    """Rays that go on behind glass, through three panes at most.

    ``distance`` and ``instance`` are changed in place.
    """
    materials = snapshot.caster.mesh.materials
    triangle, normal = hits.triangle.copy(), hits.normal.copy()
    rows = np.flatnonzero(hits.hit)
    for _ in range(_PANES):
        rows = rows[materials[triangle[rows]] == Material.GLASS]
        rows = rows[rng.random(len(rows)) < sensor.glass]
        if not len(rows):
            break
        starts = origin + directions[rows] * (distance[rows, None] + _BEYOND_GLASS)
        more = snapshot.caster.cast(starts, directions[rows])
        distance[rows] += more.distance.astype(np.float64) + _BEYOND_GLASS
        instance[rows], triangle[rows], normal[rows] = more.instance, more.triangle, more.normal
        rows = rows[more.hit]
    return Hits(distance.astype(np.float32), triangle, normal, instance)


def _answers(snapshot: Snapshot, origin: np.ndarray, directions: np.ndarray, hits: Hits,
             distance: np.ndarray, sensor: Sensor) -> tuple[np.ndarray, np.ndarray]:
    """Intensity and the chance of no return, [N] each."""
    materials, colors = describe_surfaces(snapshot, origin, directions, hits)
    reflectance, retro, dropout = response_table()[materials].T
    cosine = np.abs(np.einsum('ni,ni->n', hits.normal, directions))
    intensity = reflectance * (.5 + colors.mean(axis=1)) * (retro + (1 - retro) * cosine)
    intensity = intensity * snapshot.weather.transmission(
        distance, cosine, hits.instance == GROUND)
    power = intensity * (.3 + .7 * cosine) * np.minimum(40 / distance, 1) ** 2
    return intensity, 1 - (1 - dropout) * np.clip(power * sensor.sensitivity / WEAKEST, 0, 1)


def _own_vehicle(sensor: Sensor, directions: np.ndarray, distance: np.ndarray,
                 instance: np.ndarray, lost: np.ndarray) -> tuple[np.ndarray, ...]:
    """Rays that meet the roof or hood of the vehicle below the sensor."""
    if not sensor.ego:
        return distance, instance, lost
    half_x, half_y, below = sensor.ego
    down = np.minimum(directions[:, 2], -1e-3)
    reach = below / -down
    met = (directions[:, 2] < -.01) & (np.abs(directions[:, 0] * reach) < half_x) & (
        np.abs(directions[:, 1] * reach) < half_y)
    return (np.where(met, reach, distance), np.where(met, EGO, instance),
            np.where(met, False, lost))


def _turn(angle: float, axis: int) -> np.ndarray:
    """Rotation [3, 3] about x (0) or y (1)."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]) if axis == 0 else np.array(
        [[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def sensor_from_world(snapshot: Snapshot, sensor: Sensor) -> np.ndarray:
    """World to the sensor's frame [4, 4]."""
    return inverse(mount(snapshot, sensor))
