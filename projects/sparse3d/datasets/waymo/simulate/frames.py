"""The frames of one simulated Waymo segment."""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sparse3d.datasets.waymo.frame import TOP, CameraObjects, LidarObjects, ProjectedObjects
from sparse3d.datasets.waymo.frame import WaymoFrame as Frame
from sparse3d.datasets.waymo.simulate.geometry import measured_points
from sparse3d.datasets.waymo.simulate.labels import (
    camera_objects,
    camera_views,
    labeled_actors,
    lidar_objects,
    projected_objects,
)
from sparse3d.datasets.waymo.simulate.rig import LIDARS
from sparse3d.datasets.waymo.simulate.scan import TURN, Rig, camera_image, scan_all, take_pictures
from sparse3d.datasets.waymo.simulate.zones import random_zone
from sparse3d.simulate.poses import apply, pose, rotate
from sparse3d.simulate.scene import Scene, Snapshot

EPOCH = 1_550_000_000_000_000   # time stamp of the first segment [us]
SEGMENT_SPACING = 3_600_000_000  # [us]
FAR_AWAY = 12_000.0             # how far from the origin of the global frame a street lies [m]


class SegmentSimulator:
    """Looks at one scene with all sensors, frame by frame.

    A frame depends on the seed, the segment, its number and the rig alone.

    Args:
        scene: the street.
        context_name: name of the segment.
        key: seed and number of the segment.
        rig: the sensors.
        frame_rate: frames per second.
        conditions: time of day, location and weather, in words.
    """

    def __init__(self, scene: Scene, context_name: str, key: tuple[int, int], rig: Rig,
                 frame_rate: float, conditions: dict[str, str]) -> None:
        self._scene, self._name, self._key, self._rig = scene, context_name, key, rig
        self._rate, self._conditions = frame_rate, conditions
        rng = np.random.default_rng((*key, 1, 1))
        where = np.append(FAR_AWAY * rng.uniform(-1, 1, 2), rng.uniform(0, 50))
        self._global_from_world = pose(where, float(rng.uniform(-np.pi, np.pi)))
        self._zones = [random_zone(scene.terrain.road, rng)]

    def frames(self, count: int) -> Iterator[Frame]:
        """The first ``count`` frames."""
        for index in range(count):
            yield self.frame(index)

    def frame(self, index: int) -> Frame:
        """One frame with everything that was recorded and labeled."""
        time = TURN / 2 + index / self._rate
        rng = np.random.default_rng((*self._key, 2, 1 + index))
        snapshot = self._scene.snapshot(time)
        ego2global = np.einsum('ij,jk->ik', self._global_from_world, snapshot.world_from_ego)
        pictures = take_pictures(snapshot, self._rig, rng)
        stamp = EPOCH + self._key[1] * SEGMENT_SPACING + round(time * 1e6)
        velocity = self._velocity(time)
        frame = Frame(
            self._name, index, stamp, ego2global, self._rig.lidars, self._rig.cameras,
            scan_all(self._scene, snapshot, time, self._rig, self._zones,
                     self._global_from_world, rng),
            {name: camera_image(picture, ego2global, velocity, stamp * 1e-6)
             for name, (_, picture) in pictures.items()},
            None, None, None,
            [zone.moved(self._global_from_world) for zone in self._zones], self._conditions)
        frame.objects, frame.camera_objects, frame.projected = self._labels(
            frame, snapshot, pictures, time)
        return frame

    def _labels(self, frame: Frame, snapshot: Snapshot, pictures: dict, time: float
                ) -> tuple[LidarObjects, CameraObjects, ProjectedObjects]:
        views = camera_views(snapshot, pictures)
        labeled = labeled_actors(snapshot, measured_points(frame), views, self._zones, self._name)
        eye = apply(snapshot.world_from_ego, np.array(LIDARS[TOP].position))
        return (lidar_objects(snapshot, labeled, views, eye, self._global_from_world, time),
                camera_objects(snapshot, labeled, views, pictures, self._name),
                projected_objects(snapshot, labeled, pictures))

    def _velocity(self, time: float) -> np.ndarray:
        """Velocity of the vehicle [6]: linear [m/s] (global frame), angular [rad/s]."""
        step = .01
        before, after = (self._scene.ego.at(time + offset) for offset in (-step, step))
        turning = (after.yaw - before.yaw) / (2 * step)
        linear = rotate(self._global_from_world,
                        np.append(self._scene.ego.at(time).velocity, 0.0))
        return np.array([*linear.astype(np.float32), 0, 0, turning])
