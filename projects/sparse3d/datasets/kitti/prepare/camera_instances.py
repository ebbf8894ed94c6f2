"""Annotations of one camera as image-based detectors of mmdet3d expect them."""
from __future__ import annotations

import numpy as np
from shapely.geometry import MultiPoint
from shapely.geometry import box as rectangle

from sparse3d.datasets.kitti.prepare.text import KittiObject
from sparse3d.structures.projection import project_points


def camera_instance(
        item: KittiObject, label: int, cam2img: np.ndarray, size: tuple[int, int]) -> dict | None:
    """An entry of ``cam_instances``, or None for an object the camera does not see.

    Its image box is the part inside the image of the convex hull of the projected
    corners in front of the camera.

    Args:
        item: the object.
        label: its class number.
        cam2img: (4, 4) rectified camera frame to pixels.
        size: height and width of the image in pixels.
    """
    center = np.array(item.location) - (0, item.dimensions[1] / 2, 0)
    (pixel,), (depth,) = project_points(center[None], cam2img)
    bbox = project_box(np.array(item.camera_box), cam2img, size)
    if bbox is None or depth <= 0:
        return None
    return dict(
        bbox_label=label, bbox_label_3d=label, bbox=bbox, bbox_3d_isvalid=True,
        bbox_3d=[float(np.float32(x)) for x in item.camera_box], velocity=-1,
        center_2d=pixel.tolist(), depth=float(depth))


def project_box(box: np.ndarray, cam2img: np.ndarray, size: tuple[int, int]) -> list[float] | None:
    """Left, top, right, bottom in pixels of the visible part of a projected label box.

    None if no corner is in front of the camera or nothing falls into the image.
    """
    corners = camera_corners(box)
    corners = corners[corners[:, 2] > 0]
    if not len(corners):
        return None
    visible = MultiPoint(project_points(corners, cam2img)[0]).convex_hull.intersection(
        rectangle(0, 0, size[1], size[0]))
    return None if visible.is_empty else [float(x) for x in visible.bounds]


def camera_corners(box: np.ndarray) -> np.ndarray:
    """The 8 corners (8, 3) of a KITTI label box x, y, z, l, h, w, rotation_y.

    Source: KITTI object development kit, ``readme.txt``.
    """
    x, y, z, length, height, width, rotation_y = box
    along = np.array([1, 1, -1, -1] * 2) * length / 2
    across = np.array([1, -1, -1, 1] * 2) * width / 2
    up = np.repeat([0.0, height], 4)
    cos, sin = np.cos(rotation_y), np.sin(rotation_y)
    return np.stack([cos * along + sin * across + x, y - up, -sin * along + cos * across + z], 1)
