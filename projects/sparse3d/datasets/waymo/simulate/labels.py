"""What Waymo's annotators would write about the actors of a frame.

An actor nearer than ``REACH`` and outside the no-label zones is labeled in 3D if a LiDAR
point lies in its box or a camera sees it. People with at least ``KEYPOINT_POINTS`` points
have keypoints; a joint is occluded if something else, or more of the person than covers any
joint, lies before it as seen from TOP or, in pictures, from the camera.
"""
from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sparse3d.datasets.kitti.simulate.labels import lidar_box
from sparse3d.datasets.waymo import frame as waymo
from sparse3d.datasets.waymo.simulate.geometry import MeasuredPoints
from sparse3d.datasets.waymo.simulate.zones import Zone
from sparse3d.simulate.camera import NEAR, Camera, Picture, world_from_camera
from sparse3d.simulate.poses import apply, inverse, rotate
from sparse3d.simulate.scene import ActorState, Snapshot
from sparse3d.simulate.skeleton import JOINTS
from sparse3d.simulate.visibility import Visibility, look_at
from sparse3d.structures.box_conversions import lidar_to_center
from sparse3d.structures.box_geometry import points_in_box

REACH = 75.0           # [m]
KEYPOINT_POINTS = 10
FLESH = .25            # a joint this far behind a surface is occluded [m]
TYPES = {'Car': 1, 'Van': 1, 'Truck': 1, 'Pedestrian': 2, 'Cyclist': 4}
Views = dict[int, dict[int, Visibility]]  # camera -> actor -> how it looks there
_FOREHEAD = .7         # of the way from the head's center to the nose
_STEP = .05            # for accelerations [s]


@dataclass(frozen=True)
class Labeled:
    """An actor with a 3D label."""
    state: ActorState
    name: str            # of the object in the files
    box: np.ndarray      # [7] LiDAR box, vehicle frame
    points: int
    top_points: int


def labeled_actors(snapshot: Snapshot, points: MeasuredPoints, views: Views, zones: Sequence[Zone],
                   segment: str) -> list[Labeled]:
    """Actors with a 3D label, in the order of their identity."""
    vehicle_from_world = inverse(snapshot.world_from_ego)
    top = points.lidar == waymo.TOP
    chosen = []
    for state in snapshot.actors:
        box = lidar_box(state, vehicle_from_world)
        inside = points_in_box(points.xyz, box)
        seen = any(state.actor.identity in view for view in views.values())
        zoned = any(zone.holds(state.place.xy[None])[0] for zone in zones)
        if np.hypot(box[0], box[1]) < REACH and not zoned and (len(inside) or seen):
            chosen.append(Labeled(state, object_name(segment, state.actor.identity), box,
                                  len(inside), int(top[inside].sum())))
    return chosen


def camera_views(snapshot: Snapshot, pictures: Mapping[int, tuple[Camera, Picture]]) -> Views:
    """How each actor looks in each camera that sees anything of it."""
    views: Views = {}
    for name, (camera, picture) in pictures.items():
        present = set(np.unique(picture.instances).tolist())
        looks = {state.actor.identity: look_at(snapshot, camera, picture, state)
                 for state in snapshot.actors if state.actor.identity in present}
        views[name] = {identity: view for identity, view in looks.items()
                       if view is not None and view.visible_rays}
    return views


def lidar_objects(snapshot: Snapshot, labeled: Sequence[Labeled], views: Views,
                  eye: np.ndarray, global_from_world: np.ndarray,
                  time: float) -> waymo.LidarObjects:
    """3D labels.

    Args:
        eye: world position [3] of TOP, for the visibility of joints.
    """
    count = len(labeled)
    boxes = lidar_to_center(np.array([item.box for item in labeled]).reshape(-1, 7))
    best = [_most_visible(views, item.state) for item in labeled]
    synced = np.where(np.array(best, dtype=np.int64).reshape(-1, 1) > 0, boxes, np.nan)
    joints = [_joints(snapshot, item, eye) for item in labeled]
    zeros = np.zeros(count, dtype=np.int64)
    return waymo.LidarObjects(
        [item.name for item in labeled], _integers(_type(item) for item in labeled), boxes,
        _integers(item.points for item in labeled),
        _integers(item.top_points for item in labeled),
        _globally([item.state.place.velocity for item in labeled], global_from_world),
        _globally([_acceleration(item, time) for item in labeled], global_from_world),
        zeros, zeros.copy(), _integers(best), synced,
        np.array([points for points, _ in joints]).reshape(-1, 14, 3),
        np.array([visibility for _, visibility in joints], dtype=np.int64).reshape(-1, 14))


def camera_objects(snapshot: Snapshot, labeled: Sequence[Labeled], views: Views,
                   pictures: Mapping[int, tuple[Camera, Picture]],
                   segment: str) -> waymo.CameraObjects:
    """2D labels of what the cameras see, with the joints of people."""
    rows = [(camera, item, views[camera][item.state.actor.identity])
            for camera in pictures for item in labeled
            if item.state.actor.identity in views[camera]]
    joints = [_pixels_of_joints(snapshot, item, pictures[camera][0]) for camera, item, _ in rows]
    return waymo.CameraObjects(
        _integers(camera for camera, _, _ in rows),
        [object_name(segment, item.state.actor.identity, camera) for camera, item, _ in rows],
        _integers(_type(item) for _, item, _ in rows),
        np.array([view.box for _, _, view in rows]).reshape(-1, 4),
        np.zeros(len(rows), dtype=np.int64), [item.name for _, item, _ in rows],
        np.array([points for points, _ in joints]).reshape(-1, 14, 2),
        np.array([visibility for _, visibility in joints], dtype=np.int64).reshape(-1, 14))


def projected_objects(snapshot: Snapshot, labeled: Sequence[Labeled],
                      pictures: Mapping[int, tuple[Camera, Picture]]) -> waymo.ProjectedObjects:
    """3D boxes projected into the pictures, hidden or not, cut off at the edges."""
    rows = []
    for name, (camera, _) in pictures.items():
        for item in labeled:
            box = project_box(item.box, camera)
            if box is not None:
                rows.append((name, item, box))
    return waymo.ProjectedObjects(
        _integers(name for name, _, _ in rows), [item.name for _, item, _ in rows],
        _integers(_type(item) for _, item, _ in rows),
        np.array([box for _, _, box in rows]).reshape(-1, 4))


def project_box(box: np.ndarray, camera: Camera) -> np.ndarray | None:
    """left, top, right, bottom [4] of a LiDAR box (vehicle frame) in a picture, None outside."""
    signs = np.array([[a, b, c] for a in (-.5, .5) for b in (-.5, .5) for c in (0, 1.0)])
    local = signs * box[3:6]
    cos, sin = np.cos(box[6]), np.sin(box[6])
    corners = np.column_stack([local[:, 0] * cos - local[:, 1] * sin,
                               local[:, 0] * sin + local[:, 1] * cos, local[:, 2]]) + box[:3]
    corners = apply(camera.camera_from_ego, corners)
    first, second = np.triu_indices(8, 1)  # every line between corners: the hull is what counts
    cut = (corners[first, 2] > NEAR) != (corners[second, 2] > NEAR)
    start, end = corners[first[cut]], corners[second[cut]]
    share = (NEAR - start[:, 2:]) / (end[:, 2:] - start[:, 2:])
    ahead = np.concatenate([corners[corners[:, 2] > NEAR], start + share * (end - start)])
    if not len(ahead):
        return None
    pixels = camera.project(ahead)[:, :2]
    limits = np.array([camera.width, camera.height], dtype=np.float64)
    low, high = np.clip(pixels.min(0), 0, limits), np.clip(pixels.max(0), 0, limits)
    return np.concatenate([low, high]) if (high - low >= 1).all() else None


def object_name(*parts: object) -> str:
    """A name of 22 characters, as Waymo's objects have."""
    digest = hashlib.md5('/'.join(map(str, parts)).encode(), usedforsecurity=False).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip('=')


def _joints(snapshot: Snapshot, item: Labeled, eye: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joints [14, 3] in the vehicle frame and their visibility [14]."""
    if not item.state.joints or item.points < KEYPOINT_POINTS:
        return np.zeros((14, 3)), np.zeros(14, dtype=np.int64)
    world = np.array([item.state.joints[name] for name in JOINTS])
    return (apply(inverse(snapshot.world_from_ego), world),
            np.where(_hidden(snapshot, world, eye), waymo.OCCLUDED, waymo.VISIBLE))


def _pixels_of_joints(snapshot: Snapshot, item: Labeled,
                      camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Pixels [14, 2] of the joints, the forehead last, and their visibility [14]."""
    if not item.state.joints or item.points < KEYPOINT_POINTS:
        return np.zeros((14, 2)), np.zeros(14, dtype=np.int64)
    world = np.array([item.state.joints[name] for name in JOINTS])
    world[13] += _FOREHEAD * (world[0] - world[13]) + (0, 0, .06)
    pose = world_from_camera(snapshot, camera)
    positions = apply(inverse(pose), world)
    ahead = positions[:, 2] > NEAR
    pixels = camera.project(np.where(ahead[:, None], positions, (0, 0, 1)))[:, :2]
    inside = ahead & (pixels >= 0).all(1) & (pixels < (camera.width, camera.height)).all(1)
    visibility = np.where(_hidden(snapshot, world, pose[:3, 3]), waymo.OCCLUDED, waymo.VISIBLE)
    return np.where(inside[:, None], pixels, 0), np.where(inside, visibility, waymo.MISSING)


def _hidden(snapshot: Snapshot, positions: np.ndarray, eye: np.ndarray) -> np.ndarray:
    """Whether a surface lies more than ``FLESH`` before each place [N, 3], seen from ``eye``."""
    sight = positions - eye
    distance = np.linalg.norm(sight, axis=1)
    hits = snapshot.caster.cast(eye, sight / distance[:, None])
    return hits.distance < distance - FLESH


def _most_visible(views: Views, state: ActorState) -> int:
    """The camera with the most rays on an actor, 0 if none sees it."""
    rays = {camera: view[state.actor.identity].visible_rays
            for camera, view in views.items() if state.actor.identity in view}
    return max(rays, key=lambda camera: (rays[camera], -camera), default=0)


def _acceleration(item: Labeled, time: float) -> tuple[float, float]:
    track = item.state.actor.track
    before, after = (np.array(track.at(time + step).velocity) for step in (-_STEP, _STEP))
    return tuple((after - before) / (2 * _STEP))


def _globally(vectors: Sequence[tuple[float, float]], global_from_world: np.ndarray) -> np.ndarray:
    flat = np.array(vectors, dtype=np.float64).reshape(-1, 2)
    return rotate(global_from_world, np.column_stack([flat, np.zeros(len(flat))]))


def _type(item: Labeled) -> int:
    return TYPES[item.state.actor.shape.kind]


def _integers(numbers) -> np.ndarray:
    return np.array(list(numbers), dtype=np.int64)
