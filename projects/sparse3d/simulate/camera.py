"""A pinhole camera: projection, rays of pixels, and what it sees."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparse3d.simulate.poses import inverse, rotate
from sparse3d.simulate.scene import Snapshot
from sparse3d.simulate.shading import shade, sky

NEAR = 0.2    # nothing closer to the image plane is projected [m]


@dataclass(frozen=True)
class Camera:
    """Intrinsics and pose; frame x right, y down, z forward; integer pixels are centers."""
    intrinsic: np.ndarray        # [3, 3]
    camera_from_ego: np.ndarray  # [4, 4]
    width: int                   # [px]
    height: int                  # [px]
    ray_scale: float = 1.0       # rays per pixel and axis, at most 1

    @property
    def ray_grid(self) -> tuple[int, int]:
        """Rows and columns of the grid of rays."""
        return (max(1, round(self.height * self.ray_scale)),
                max(1, round(self.width * self.ray_scale)))

    def ray_pixels(self) -> tuple[np.ndarray, np.ndarray]:
        """u [columns] and v [rows] of the rays in pixels of the full image."""
        rows, columns = self.ray_grid
        return ((np.arange(columns) + .5) * self.width / columns - .5,
                (np.arange(rows) + .5) * self.height / rows - .5)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels u, v and depth [N, 3] of points [N, 3] in the camera frame, in front of it."""
        image = rotate(self.intrinsic, points)
        return np.column_stack([image[:, :2] / image[:, 2:], points[:, 2]])


@dataclass(frozen=True)
class Picture:
    """What the camera saw."""
    image: np.ndarray      # [H, W, 3] uint8, red green blue
    depth: np.ndarray      # [rows, columns] float32 along the optical axis [m], inf for the sky
    instances: np.ndarray  # [rows, columns] int32: actor, GROUND, STATIC or NOTHING


def pixel_rays(camera: Camera, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Rays [len(v), len(u), 3] in the camera frame with unit depth."""
    grid = np.stack([*np.meshgrid(u, v), np.ones((len(v), len(u)))], axis=-1)
    return rotate(np.linalg.inv(camera.intrinsic), grid)


def world_from_camera(snapshot: Snapshot, camera: Camera) -> np.ndarray:
    """Pose of the camera in the world [4, 4]."""
    return snapshot.world_from_ego @ inverse(camera.camera_from_ego)


def take_picture(snapshot: Snapshot, camera: Camera, rng: np.random.Generator) -> Picture:
    """Render the world by one ray per pixel (or fewer, see ``ray_scale``), with shadows."""
    pose = world_from_camera(snapshot, camera)
    rows, columns = camera.ray_grid
    origin = pose[:3, 3].astype(np.float32)
    directions = rotate(pose, pixel_rays(camera, *camera.ray_pixels()).reshape(-1, 3))
    directions = directions.astype(np.float32)
    hits = snapshot.caster.cast(origin, directions)
    colors = sky(snapshot.daylight, directions)
    seen = np.flatnonzero(hits.hit)
    colors[seen] = shade(snapshot, origin, directions[seen], hits.rows(seen))
    grain = rng.standard_normal((len(colors), 1), dtype=np.float32)
    colors += np.float32(snapshot.daylight.grain) * grain
    image = (np.clip(colors, 0, 1) * 255).astype(np.uint8).reshape(rows, columns, 3)
    return Picture(_enlarge(image, camera.height, camera.width),
                   hits.distance.reshape(rows, columns), hits.instance.reshape(rows, columns))




def _enlarge(image: np.ndarray, height: int, width: int) -> np.ndarray:
    if image.shape[:2] == (height, width):
        return image
    rows = (np.arange(height) * image.shape[0] // height)
    columns = (np.arange(width) * image.shape[1] // width)
    return image[rows][:, columns]
