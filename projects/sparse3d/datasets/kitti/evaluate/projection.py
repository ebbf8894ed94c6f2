"""3D boxes of a detector to what KITTI's result files hold."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sparse3d.datasets.kitti.evaluate.annotations import KittiObjects
from sparse3d.errors import DataError
from sparse3d.structures.box_conversions import lidar_to_kitti_camera, wrap_angle
from sparse3d.structures.projection import project_points

# Corners closer than this are drawn as if they were here; a box that reaches behind
# the camera then covers the image up to its border.
NEAR_PLANE = 0.1  # meters


def lidar_boxes_to_kitti(
        boxes: np.ndarray,      # [N, >= 7]  x, y, z_bottom, dx, dy, dz, yaw, LiDAR frame
        scores: np.ndarray,     # [N]
        labels: np.ndarray,     # [N]  rows of class_names
        class_names: Sequence[str],
        camera: Mapping,
) -> KittiObjects:
    """Detections as KITTI describes them; those outside the image are left out.

    The image box is the hull of the projected corners, clipped to the image; alpha
    is the heading relative to the line of sight.

    Args:
        camera: ``lidar2cam`` (4, 4), ``cam2img`` (3 or 4, 4), ``height`` and ``width``
            in pixels: the entry of the camera in an info file.

    Raises:
        DataError: if the camera lacks one of them.
    """
    missing = [key for key in ('lidar2cam', 'cam2img', 'height', 'width') if key not in camera]
    if missing:
        raise DataError(f'the camera of the info file lacks {", ".join(missing)}')
    boxes = lidar_to_kitti_camera(np.asarray(boxes, np.float64)[:, :7], camera['lidar2cam'])
    bbox, visible = project_to_image(
        boxes, np.asarray(camera['cam2img'], np.float64), (camera['height'], camera['width']))
    boxes, names = boxes[visible], np.asarray(class_names, dtype=str)[labels[visible].astype(int)]
    sight = np.arctan2(boxes[:, 0], boxes[:, 2])
    return KittiObjects.from_arrays(dict(
        name=names, bbox=bbox[visible], location=boxes[:, :3], dimensions=boxes[:, 3:6],
        rotation_y=boxes[:, 6], alpha=wrap_angle(boxes[:, 6] - sight), score=scores[visible]),
        'a predicted frame')


def project_to_image(
        boxes: np.ndarray,            # [N, 7]  x, y, z, l, h, w, rotation_y, camera frame
        cam2img: np.ndarray,          # [3 or 4, 4]
        image_size: tuple[int, int],  # height, width  pixels
) -> tuple[np.ndarray, np.ndarray]:   # [N, 4] clipped to the image, [N] bool: visible
    """Image boxes of KITTI boxes; a box is visible if any of it lies in front and inside."""
    pixels, depth = project_points(kitti_corners(boxes), cam2img, NEAR_PLANE)  # [N, 8, 2], [N, 8]
    low, high = pixels.min(1, initial=np.inf), pixels.max(1, initial=-np.inf)
    last = np.array(image_size)[::-1] - 1                               # width, height
    visible = ((low <= last).all(1) & (high > 0).all(1) & (depth > NEAR_PLANE).any(1))
    return np.hstack([low.clip(0, last), high.clip(0, last)]), visible


def kitti_corners(boxes: np.ndarray) -> np.ndarray:  # [N, 7] -> [N, 8, 3]
    """Corners of KITTI boxes x, y, z, l, h, w, rotation_y in the camera frame."""
    along = np.array([1, 1, -1, -1] * 2) * boxes[:, 3:4] / 2
    across = np.array([1, -1, -1, 1] * 2) * boxes[:, 5:6] / 2
    up = np.repeat([0.0, 1.0], 4) * boxes[:, 4:5]
    cos, sin = np.cos(boxes[:, 6:7]), np.sin(boxes[:, 6:7])
    return boxes[:, None, :3] + np.stack(
        [cos * along + sin * across, -up, cos * across - sin * along], axis=-1)
