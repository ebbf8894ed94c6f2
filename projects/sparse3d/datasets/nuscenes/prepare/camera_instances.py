"""Annotations of one camera of nuScenes: image box, center, camera box."""
from __future__ import annotations

import numpy as np
from shapely.geometry import MultiPoint
from shapely.geometry import box as rectangle

from sparse3d.structures.projection import project_points

_SIGNS = np.array([[x, y, z] for x in (1, -1) for y in (1, -1) for z in (1, -1)]) / 2


def camera_instances(instances: list[dict], lidar2cam: np.ndarray, cam2img: np.ndarray,
                     size: tuple[int, int], rotations: np.ndarray | None = None) -> list[dict]:
    """Entries of ``cam_instances`` for the objects that one camera sees.

    As in mmdet3d 1.4: classes of the benchmark only; the image box is the part inside the
    image of the convex hull of the projected corners in front of the camera; an object
    whose center is behind the camera is left out.

    Beyond mmdet3d: ``instance`` (row in ``instances``, which holds the LiDAR box) and
    ``center_inside`` (whether the center projects into the image).

    Args:
        instances: of the sample.
        lidar2cam: (4, 4) LiDAR frame of the key frame to the camera at its own time.
        cam2img: (3, 3) camera matrix.
        size: height and width of the image in pixels.
        rotations: (N, 3, 3) of the objects in the LiDAR frame; by default by their yaw
            alone, which on a tilted car moves corners by some pixels.
    """
    if rotations is None:
        rotations = [_about_z(item['bbox_3d'][6]) for item in instances]
    entries = [_entry(item, row, lidar2cam, cam2img, size, rotations[row])
               for row, item in enumerate(instances) if item['bbox_label'] >= 0]
    return [entry for entry in entries if entry is not None]


def _entry(item: dict, row: int, lidar2cam: np.ndarray, cam2img: np.ndarray,
           size: tuple[int, int], rotation: np.ndarray) -> dict | None:
    box = np.array(item['bbox_3d'])
    center = lidar2cam[:3, :3] @ box[:3] + lidar2cam[:3, 3]
    if center[2] <= 0:
        return None
    corners = (_SIGNS * box[3:6]) @ rotation.T + box[:3]                 # [8, 3]
    bbox = _image_box(corners @ lidar2cam[:3, :3].T + lidar2cam[:3, 3], cam2img, size)
    if bbox is None:
        return None
    ((u, v),), (depth,) = project_points(center[None], cam2img)
    velocity = lidar2cam[:3, :3] @ np.array([*item['velocity'], 0.0])
    length, width, height = box[3:6]
    return dict(
        bbox_label=item['bbox_label'], bbox_label_3d=item['bbox_label_3d'], bbox=bbox,
        bbox_3d_isvalid=True, velocity=velocity[[0, 2]].tolist(), center_2d=[float(u), float(v)],
        bbox_3d=[*center.tolist(), float(length), float(height), float(width),
                 _rotation_y(box[6], lidar2cam)],
        depth=float(depth), attr_label=item['attr_label'], instance=row,
        center_inside=bool(0 <= u < size[1] and 0 <= v < size[0]))


def _image_box(corners: np.ndarray, cam2img: np.ndarray,
               size: tuple[int, int]) -> list[float] | None:
    corners = corners[corners[:, 2] > 0]
    if not len(corners):
        return None
    visible = MultiPoint(project_points(corners, cam2img)[0]).convex_hull.intersection(
        rectangle(0, 0, size[1], size[0]))
    return None if visible.is_empty else [float(value) for value in visible.bounds]


def _about_z(yaw: float) -> np.ndarray:
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])


def _rotation_y(yaw: float, lidar2cam: np.ndarray) -> float:
    """Heading about the camera's y axis, 0 along x, clockwise in BEV as in KITTI."""
    along = lidar2cam[:3, :3] @ np.array([np.cos(yaw), np.sin(yaw), 0.0])
    return float(-np.arctan2(along[2], along[0]))
