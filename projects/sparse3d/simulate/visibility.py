"""How much of each actor a camera sees: silhouettes, truncation, occlusion."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparse3d.simulate.camera import NEAR, Camera, Picture, pixel_rays, world_from_camera
from sparse3d.simulate.mesh import Mesh
from sparse3d.simulate.poses import apply, inverse, rotate
from sparse3d.simulate.ray_casting import RayCaster
from sparse3d.simulate.scene import ActorState, Snapshot

MAX_RAYS = 20000  # rays per silhouette; a larger one is sampled more coarsely


@dataclass(frozen=True)
class Visibility:
    """One actor as a camera sees it. Boxes are x1, y1, x2, y2 in pixels."""
    full_box: np.ndarray      # [4] around the whole projected mesh, may leave the image
    box: np.ndarray           # [4] the same, clipped to the image
    truncation: float         # share of ``full_box`` that lies outside the image, 0..1
    visible_share: float      # share of the silhouette inside the image that nothing hides, 0..1
    visible_rays: int         # rays of the picture that meet the actor


def look_at(snapshot: Snapshot, camera: Camera, picture: Picture,
            state: ActorState) -> Visibility | None:
    """How the camera sees an actor; None if its projection does not meet the image."""
    outline = projected_outline(state.mesh, snapshot, camera)
    if not len(outline):
        return None
    full_box = np.concatenate([outline.min(axis=0), outline.max(axis=0)])
    limits = np.array([camera.width - 1, camera.height - 1] * 2, dtype=np.float64)
    box = np.clip(full_box, 0, limits)
    if (box[2:] - box[:2] < 1).any():
        return None
    seen, all_rays = _count_rays(snapshot, camera, picture, state, box)
    truncation = 1 - float(np.prod(box[2:] - box[:2]) / np.prod(full_box[2:] - full_box[:2]))
    return Visibility(full_box, box, truncation, seen / all_rays if all_rays else 0.0, seen)


def projected_outline(mesh: Mesh, snapshot: Snapshot, camera: Camera) -> np.ndarray:
    """Pixels [N, 2] of the mesh's vertices, cut off at the plane ``NEAR`` before the camera."""
    points = apply(inverse(world_from_camera(snapshot, camera)), mesh.vertices)
    front = points[:, 2] > NEAR
    edges = np.concatenate([mesh.triangles[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
    cut = edges[front[edges[:, 0]] != front[edges[:, 1]]]
    start, end = points[cut[:, 0]], points[cut[:, 1]]
    share = (NEAR - start[:, 2:]) / (end[:, 2:] - start[:, 2:])
    ahead = np.concatenate([points[front], start + share * (end - start)])
    return camera.project(ahead)[:, :2]


def _count_rays(snapshot: Snapshot, camera: Camera, picture: Picture, state: ActorState,
                box: np.ndarray) -> tuple[int, int]:
    """Rays that meet the actor in the picture, and that would if it were alone in the world."""
    u, v = camera.ray_pixels()
    columns = np.flatnonzero((u >= box[0] - 1) & (u <= box[2] + 1))
    rows = np.flatnonzero((v >= box[1] - 1) & (v <= box[3] + 1))
    step = max(1, int(np.ceil(np.sqrt(len(rows) * len(columns) / MAX_RAYS))))
    columns, rows = columns[::step], rows[::step]
    seen = picture.instances[np.ix_(rows, columns)] == state.actor.identity
    if not seen.any():
        return 0, 0
    pose = world_from_camera(snapshot, camera)
    rays = rotate(pose, pixel_rays(camera, u[columns], v[rows]).reshape(-1, 3))
    alone = RayCaster(state.mesh, np.zeros(len(state.mesh.triangles), dtype=np.int32))
    return int(seen.sum()) * step**2, int(alone.blocked(pose[:3, 3], rays).sum()) * step**2
