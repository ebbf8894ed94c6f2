"""One sweep of a simulated Argoverse 2 car, and what is labeled in it."""
from __future__ import annotations

import numpy as np

from sparse3d.datasets.argoverse2.simulate.rig import (
    BLOCKED,
    LIDARS,
    build_lidar,
    simulator_from_vehicle,
    vehicle_from_lidar,
)
from sparse3d.simulate.lidar import scan
from sparse3d.simulate.poses import apply, inverse
from sparse3d.simulate.scene import ActorState, Snapshot

TURN = 100_000_000       # duration of a turn [ns]
FIRST_OFFSET = 200_000   # [ns]
REACH = 200.0            # of labels [m]
CATEGORIES = {'Car': 'REGULAR_VEHICLE', 'Van': 'REGULAR_VEHICLE', 'Truck': 'BOX_TRUCK',
              'Pedestrian': 'PEDESTRIAN', 'Cyclist': 'BICYCLIST'}


def scan_both(snapshot: Snapshot, azimuths: int, rng: np.random.Generator
              ) -> dict[str, np.ndarray]:
    """Columns of a sweep file: both LiDARs, vehicle frame, by the time of their points."""
    parts = []
    for name, mount in LIDARS.items():
        sweep = scan(snapshot, build_lidar(name, azimuths), rng)
        xyz = apply(vehicle_from_lidar(name), sweep.points[:, :3].astype(np.float64))
        behind = np.arctan2(xyz[:, 1], -xyz[:, 0])  # clockwise from behind
        offset = FIRST_OFFSET + (behind / (2 * np.pi) % 1) * TURN
        laser = sweep.beams + mount.first_laser
        part = np.column_stack([xyz, sweep.points[:, 3] * 255, laser, offset])
        parts.append(part[~np.isin(laser, BLOCKED)])
    points = np.concatenate(parts)
    points = points[np.argsort(points[:, 5], kind='stable')]
    return dict(
        x=points[:, 0].astype(np.float16), y=points[:, 1].astype(np.float16),
        z=points[:, 2].astype(np.float16), intensity=points[:, 3].round().astype(np.uint8),
        laser_number=points[:, 4].astype(np.uint8), offset_ns=points[:, 5].astype(np.int32))


def label_sweep(snapshot: Snapshot, sweep: dict[str, np.ndarray], seen: set[int]) -> list[dict]:
    """What annotators write: actors that a point has met, now or earlier in the log.

    Args:
        seen: actors of earlier sweeps; those of this one are added.
    """
    vehicle_from_world = inverse(np.einsum('ij,jk->ik', snapshot.world_from_ego,
                                           simulator_from_vehicle()))
    xyz = np.column_stack([sweep[name].astype(np.float64) for name in 'xyz'])
    rows = []
    for state in snapshot.actors:
        center, yaw = _placed(state, vehicle_from_world)
        count = _points_inside(xyz, center, state.box[3:6], yaw)
        if count:
            seen.add(state.actor.identity)
        if state.actor.identity in seen and np.linalg.norm(center[:2]) < REACH:
            length, width, height = state.box[3:6].tolist()
            rows.append(dict(
                actor=state.actor.identity, category=CATEGORIES[state.actor.shape.kind],
                length_m=length, width_m=width, height_m=height, qw=np.cos(yaw / 2), qx=0.0, qy=0.0,
                qz=np.sin(yaw / 2), tx_m=center[0], ty_m=center[1], tz_m=center[2],
                num_interior_pts=count))
    return rows


def _placed(state: ActorState, vehicle_from_world: np.ndarray) -> tuple[np.ndarray, float]:
    """Geometric center [3] and heading in the vehicle frame."""
    box = state.box
    center = apply(vehicle_from_world, box[:3] + np.array([0, 0, box[5] / 2]))
    return center, float(box[6] + np.arctan2(vehicle_from_world[1, 0], vehicle_from_world[0, 0]))


def _points_inside(xyz: np.ndarray, center: np.ndarray, size: np.ndarray, yaw: float) -> int:
    offset = xyz - center
    near = offset[np.abs(offset[:, :2]).max(axis=1) <= np.hypot(size[0], size[1])]
    forward, left = np.array([np.cos(yaw), np.sin(yaw)]), np.array([-np.sin(yaw), np.cos(yaw)])
    local = np.abs(np.column_stack([(near[:, :2] * forward).sum(axis=1),
                                    (near[:, :2] * left).sum(axis=1), near[:, 2]]))
    return int((local <= size / 2).all(axis=1).sum())
