"""Range images of a LiDAR that moves while it turns."""
from __future__ import annotations

import numpy as np

from sparse3d.datasets.waymo.frame import LidarCalibration, LidarScan
from sparse3d.datasets.waymo.simulate.geometry import inclinations_of_rows, rays_of_pixels
from sparse3d.datasets.waymo.simulate.zones import Zone
from sparse3d.simulate.echoes import Echoes, Receiver, listen
from sparse3d.simulate.poses import rotate
from sparse3d.simulate.scene import Snapshot

SPLIT_SHARE = .25     # of the pulses is wide enough to be looked at twice
SPLIT_DISTANCE = .5   # parts of a pulse this far apart are two returns [m]
MISSING = -1.0


def scan_range_images(
        snapshot: Snapshot,
        calibration: LidarCalibration,
        size: tuple[int, int],
        world_from_vehicle: np.ndarray,
        receiver: Receiver,
        zones: list[Zone],
        rng: np.random.Generator,
) -> LidarScan:
    """Both returns of one turn, without ``pixel_pose``; missing pixels are -1.

    A quarter of the pulses is wide enough to meet two surfaces: what the nearer one does
    not stop makes the second return.

    Args:
        snapshot: the world, which stands still during the turn.
        size: rows H and columns W.
        world_from_vehicle: (W, 4, 4) pose of the vehicle when each column is taken.
        zones: where nothing is labeled, world frame.
    """
    height, width = size
    pixels = np.arange(height * width)
    sensor = rays_of_pixels(calibration, height, width).reshape(-1, 3)
    first = _listen(snapshot, calibration, sensor, world_from_vehicle, pixels % width, receiver,
                    rng)
    wide = np.flatnonzero(rng.random(len(pixels)) < SPLIT_SHARE)
    aside = _turn_aside(sensor[wide], calibration, height, width, rng)
    second = _listen(snapshot, calibration, aside, world_from_vehicle, wide % width, receiver, rng)
    images = _both_returns(first, second, wide)
    positions = _places(images, sensor, calibration, world_from_vehicle, pixels % width)
    return LidarScan([_with_zones(image, place, zones).reshape(height, width, 4)
                      for image, place in zip(images, positions, strict=True)], None, [])


def _listen(snapshot: Snapshot, calibration: LidarCalibration, sensor: np.ndarray,
            world_from_vehicle: np.ndarray, column: np.ndarray, receiver: Receiver,
            rng: np.random.Generator) -> Echoes:
    poses = np.einsum('wij,jk->wik', world_from_vehicle, calibration.extrinsic)
    directions = np.einsum('nij,nj->ni', poses[column, :3, :3], sensor)
    return listen(snapshot, poses[column, :3, 3], directions, receiver, rng)


def _turn_aside(sensor: np.ndarray, calibration: LidarCalibration, height: int, width: int,
                rng: np.random.Generator) -> np.ndarray:
    """Directions [N, 3] half a pixel beside ``sensor``: the other edge of a wide pulse."""
    spacing = np.ptp(inclinations_of_rows(calibration, height)) / max(height - 1, 1)
    up = rng.uniform(-.5, .5, len(sensor)) * spacing
    around = rng.uniform(-.5, .5, len(sensor)) * 2 * np.pi / width
    azimuth = np.arctan2(sensor[:, 1], sensor[:, 0]) + around
    inclination = np.arcsin(np.clip(sensor[:, 2], -1, 1)) + up
    flat = np.cos(inclination)
    return np.stack([np.cos(azimuth) * flat, np.sin(azimuth) * flat, np.sin(inclination)], -1)


def _both_returns(first: Echoes, second: Echoes, wide: np.ndarray) -> list[np.ndarray]:
    """Images [N, 3] of range, intensity and elongation; the nearer return comes first."""
    images = [np.full((len(first.distance), 3), MISSING) for _ in range(2)]
    heard = first.heard
    images[0][heard] = _columns(first)[heard]
    apart = second.heard & heard[wide] & (
        np.abs(np.where(second.heard, second.distance, 0) - np.where(
            heard[wide], first.distance[wide], 0)) > SPLIT_DISTANCE)
    split, other = wide[apart], _columns(second)[apart]
    near = np.where((other[:, 0] < images[0][split, 0])[:, None], other, images[0][split])
    far = np.where((other[:, 0] < images[0][split, 0])[:, None], images[0][split], other)
    near[:, 1] *= .6  # the light is shared
    far[:, 1] *= .4
    images[0][split], images[1][split] = near, far
    return images


def _columns(echoes: Echoes) -> np.ndarray:
    return np.stack([echoes.distance, echoes.intensity, echoes.elongation], axis=1)


def _places(images: list[np.ndarray], sensor: np.ndarray, calibration: LidarCalibration,
            world_from_vehicle: np.ndarray, column: np.ndarray) -> list[np.ndarray]:
    """World x, y [N, 2] of every pixel of both images; that of missing ones means nothing."""
    positions = []
    for image in images:
        vehicle = rotate(calibration.extrinsic, sensor * image[:, :1])
        vehicle += calibration.extrinsic[:3, 3]
        pose = world_from_vehicle[column]
        positions.append(np.einsum('nij,nj->ni', pose[:, :2, :3], vehicle) + pose[:, :2, 3])
    return positions


def _with_zones(image: np.ndarray, positions: np.ndarray, zones: list[Zone]) -> np.ndarray:
    """Append the flag of no-label zones: 1 inside, else -1; float32."""
    inside = np.zeros(len(image), dtype=bool)
    for zone in zones:
        inside |= zone.holds(positions)
    flag = np.where(inside & (image[:, 0] > 0), 1.0, MISSING)
    return np.column_stack([image, flag]).astype(np.float32)
