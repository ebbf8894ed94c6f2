"""KITTI's label lines and road planes from what the sensors saw.

Rules, applied in this order to every actor whose projection meets the image:

- no ray of the picture and no LiDAR point meets it: left out;
- its center lies behind the camera or beyond 80 m, or more than 95 % of it is cut off:
  ``DontCare``;
- fewer than 3 LiDAR points, a 2D box lower than 12 px, or less than 5 % of its
  silhouette visible: ``DontCare``;
- otherwise it is labeled. Occlusion is graded by the visible share of the silhouette
  inside the image: 0 from 80 %, 1 from 50 %, 2 from 15 %, 3 below. Truncation is the
  share of the 2D box that lies outside the image.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparse3d.datasets.kitti.simulate.calibration import KittiCalibration
from sparse3d.simulate.poses import apply, inverse
from sparse3d.simulate.scene import ActorState, Snapshot
from sparse3d.simulate.terrain import Terrain
from sparse3d.simulate.visibility import Visibility

OCCLUSION_SHARES = (.80, .50, .15)
MAX_DEPTH, MAX_TRUNCATION = 80.0, .95
MIN_POINTS, MIN_HEIGHT, MIN_VISIBLE = 3, 12.0, .05


@dataclass(frozen=True)
class Sighting:
    """An actor with what the camera and the LiDAR saw of it."""
    state: ActorState
    view: Visibility
    num_points: int


def label_lines(sightings: Sequence[Sighting], lidar_from_world: np.ndarray,
                calibration: KittiCalibration) -> list[str]:
    """Lines of a label file: the objects, then the DontCare areas."""
    objects, regions = [], []
    for sighting in sightings:
        if not sighting.view.visible_rays and not sighting.num_points:
            continue
        box = camera_box(sighting.state, lidar_from_world, calibration)
        if is_worth_a_label(sighting, depth=box[5]):
            objects.append(_object_line(sighting, box))
        else:
            corners = ' '.join(f'{value:.2f}' for value in sighting.view.box)
            regions.append(f'DontCare -1 -1 -10 {corners} -1 -1 -1 -1000 -1000 -1000 -10')
    return objects + regions


def is_worth_a_label(sighting: Sighting, depth: float) -> bool:
    """Whether an actor is labeled rather than marked as DontCare."""
    view = sighting.view
    return (0 < depth <= MAX_DEPTH and view.truncation <= MAX_TRUNCATION
            and sighting.num_points >= MIN_POINTS and view.visible_share >= MIN_VISIBLE
            and view.box[3] - view.box[1] >= MIN_HEIGHT)


def occlusion_level(visible_share: float) -> int:
    """KITTI's occlusion 0 (fully visible) to 3 (unknown, here: hardly visible)."""
    return sum(visible_share < share for share in OCCLUSION_SHARES)


def camera_box(state: ActorState, lidar_from_world: np.ndarray,
               calibration: KittiCalibration) -> np.ndarray:
    """h, w, l, x, y, z, rotation_y [7] in the rectified camera frame, bottom center."""
    box = lidar_box(state, lidar_from_world)
    center = apply(calibration.rectified_from_lidar, box[:3])
    return np.array([box[5], box[4], box[3], *center, _wrap(-box[6] - np.pi / 2)])


def lidar_box(state: ActorState, lidar_from_world: np.ndarray) -> np.ndarray:
    """x, y, z_bottom, dx, dy, dz, yaw [7] in the LiDAR frame."""
    box = state.box
    turn = np.arctan2(lidar_from_world[1, 0], lidar_from_world[0, 0])
    center = apply(lidar_from_world, box[:3])
    return np.array([*center, *box[3:6], _wrap(box[6] + turn)])


def road_plane(terrain: Terrain, lidar_from_world: np.ndarray,
               calibration: KittiCalibration) -> np.ndarray:
    """Plane a, b, c, d [4] (ax + by + cz + d = 0, normal up) fitted to the ground ahead.

    In the rectified camera frame, y down, so b is near -1 and d near the camera's height.
    """
    x, y = np.meshgrid(np.arange(4, 41, 2.0), np.arange(-10, 11, 2.0))
    flat = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
    world = apply(inverse(lidar_from_world), flat)
    world[:, 2] = terrain.height(world[:, :2])
    points = apply(calibration.rectified_from_lidar @ lidar_from_world, world)
    fit = np.linalg.lstsq(np.column_stack([points[:, [0, 2]], np.ones(len(points))]),
                          points[:, 1], rcond=None)[0]  # y = fit0 x + fit1 z + fit2
    plane = np.array([fit[0], -1.0, fit[1], fit[2]])
    return plane / np.linalg.norm(plane[:3])


def plane_lines(plane: np.ndarray) -> list[str]:
    """Lines of a plane file."""
    return ['# Plane', 'Width 4', 'Height 1', ' '.join(f'{value:.6e}' for value in plane)]


def lidar_from_world(snapshot: Snapshot, ego_from_lidar: np.ndarray) -> np.ndarray:
    """World frame to LiDAR frame [4, 4]."""
    return inverse(snapshot.world_from_ego @ ego_from_lidar)


def _object_line(sighting: Sighting, box: np.ndarray) -> str:
    view = sighting.view
    alpha = _wrap(box[6] - np.arctan2(box[3], box[5]))
    numbers = [alpha, *view.box, *box]
    return (f'{sighting.state.actor.shape.kind} {view.truncation:.2f} '
            f'{occlusion_level(view.visible_share)} '
            + ' '.join(f'{value:.2f}' for value in numbers))


def _wrap(angle: float) -> float:
    return float((angle + np.pi) % (2 * np.pi) - np.pi)
