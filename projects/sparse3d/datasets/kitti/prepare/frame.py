"""One KITTI frame as an entry of an info file in the layout of mmdet3d 1.4."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparse3d.datasets.kitti.prepare.camera_instances import camera_instance
from sparse3d.datasets.kitti.prepare.files import KittiFrame, read_image_size
from sparse3d.datasets.kitti.prepare.text import (
    KITTI_TYPES,
    KittiCalibration,
    KittiObject,
    read_calibration,
    read_labels,
    read_plane,
)
from sparse3d.errors import DataError
from sparse3d.structures.box_conversions import kitti_camera_to_lidar
from sparse3d.structures.box_geometry import points_in_box
from sparse3d.structures.projection import image_coordinates, inside_image, project_points
from sparse3d.transforms.point_files import describe_contents, load_points, read_bytes

CATEGORIES = {name: label for label, name in enumerate(KITTI_TYPES[:-1])} | {'DontCare': -1}

# Easy, moderate, hard: lowest height of the image box in pixels (exclusive),
# highest occlusion, highest truncation.
_DIFFICULTIES = ((40, 0, 0.15), (25, 1, 0.30), (25, 2, 0.50))


@dataclass(frozen=True)
class ReadFrame:
    """A frame's entry with what the further outputs are made of."""
    info: dict[str, Any]
    visible_points: np.ndarray      # (N, 4) points inside the image of camera 2
    names: list[str]                # (M,) types of the objects, DontCare left out
    boxes: np.ndarray               # (M, 7) LiDAR boxes of the same objects


def read_frame(frame: KittiFrame, types: Mapping[str, str] | None = None) -> ReadFrame:
    """Read all files of a frame.

    Args:
        types: see :func:`sparse3d.datasets.kitti.prepare.text.read_labels`.

    Raises:
        DataError: naming the file that is missing or damaged.
    """
    calibration = read_calibration(frame.file('calib'))
    size = read_image_size(frame.file('image_2'))
    content = describe_contents(read_bytes(frame.file('velodyne')))
    points = load_points(frame.file('velodyne'), allow_empty=False)
    check_reflectance(points, str(frame.file('velodyne')))
    visible = points[points_in_image(points, calibration, size)]
    contents = dict(velodyne=content, velodyne_reduced=describe_contents(visible.tobytes()))
    info = dict(
        sample_idx=frame.sample_idx,
        images=image_entries(frame.file('image_2').name, calibration, size),
        lidar_points=dict(lidar_entry(frame.file('velodyne').name, calibration),
                          contents=contents))
    if not frame.labeled:
        return ReadFrame(info, visible, [], np.zeros((0, 7)))
    if frame.file('planes').is_file():
        info['plane'] = read_plane(frame.file('planes'))
    objects = read_labels(frame.file('label_2'), types)
    known = [item for item in objects if item.type != 'DontCare']
    boxes = kitti_camera_to_lidar([item.camera_box for item in known], calibration.lidar2cam)
    num_points = [len(points_in_box(visible, box)) for box in boxes]
    info['instances'] = instances(objects, num_points, calibration)
    info['cam_instances'] = camera_instances(objects, calibration, size)
    return ReadFrame(info, visible, [item.type for item in known], boxes)


def points_in_image(
        points: np.ndarray, calibration: KittiCalibration, size: tuple[int, int]) -> np.ndarray:
    """Whether points (N, >=3) in the LiDAR frame fall into the image of camera 2, (N,) bool."""
    lidar2img = calibration.cam2img[2] @ calibration.lidar2cam
    return inside_image(*project_points(points[:, :3].astype(np.float64), lidar2img), size)


def difficulty(item: KittiObject) -> int:
    """0 easy, 1 moderate, 2 hard, -1 none of them.

    Source: KITTI object benchmark; heights compared as in mmdet3d (more than, not at least).
    """
    height = item.bbox[3] - item.bbox[1]
    for level, (min_height, max_occlusion, max_truncation) in enumerate(_DIFFICULTIES):
        if (height > min_height and item.occluded <= max_occlusion
                and item.truncated <= max_truncation):
            return level
    return -1


def check_reflectance(points: np.ndarray, where: str) -> None:
    """Raise :class:`DataError` unless the fourth column of a cloud is a reflectance."""
    if len(points) and not (points[:, 3].min() >= 0 and points[:, 3].max() <= 1):
        raise DataError(f'{where} is not x, y, z, reflectance: its fourth column '
                        f'leaves 0..1; it is damaged or has another number of columns')


def image_entries(name: str, calibration: KittiCalibration, size: tuple[int, int]) -> dict:
    """``images`` of an entry.

    Args:
        name: of the image file of camera 2.
        size: its height and width in pixels.
    """
    # float32 where mmdet3d stores float32, so that the files agree to the last digit
    lidar2cam = calibration.rectification.astype('f4') @ calibration.velo2cam.astype('f4')
    images: dict[str, Any] = {
        f'CAM{camera}': dict(cam2img=cam2img.tolist(), lidar2img=(cam2img @ lidar2cam).tolist())
        for camera, cam2img in enumerate(calibration.cam2img) if cam2img is not None}
    images['CAM2'].update(
        img_path=name, height=size[0], width=size[1],
        lidar2cam=lidar2cam.tolist())
    images['R0_rect'] = calibration.rectification.astype('f4').tolist()
    return images


def lidar_entry(name: str, calibration: KittiCalibration) -> dict:
    """``lidar_points`` of an entry; ``name`` is that of the point cloud's file."""
    entry = dict(num_pts_feats=4, lidar_path=name,
                 Tr_velo_to_cam=calibration.velo2cam.astype('f4').tolist())
    if calibration.imu2velo is not None:
        entry['Tr_imu_to_velo'] = calibration.imu2velo.astype('f4').tolist()
    return entry


def camera_instances(objects: list[KittiObject], calibration: KittiCalibration,
                     size: tuple[int, int]) -> dict[str, list[dict]]:
    """``cam_instances`` of an entry."""
    records = [camera_instance(item, CATEGORIES[item.type], calibration.cam2img[2], size)
               for item in objects if item.type != 'DontCare' and item.occluded >= 0]
    return dict(CAM2=[record for record in records if record])


def instances(objects: list[KittiObject], num_points: list[int],
              calibration: KittiCalibration) -> list[dict]:
    """``instances`` of an entry.

    Args:
        num_points: LiDAR points inside each of the objects that are not DontCare.
    """
    entries, known = [], 0
    for row, item in enumerate(objects):
        counts = item.type != 'DontCare'
        entries.append(_instance(item, row, known if counts else -1,
                                 num_points[known] if counts else -1, calibration))
        known += counts
    return entries


def _instance(item: KittiObject, row: int, index: int, num_points: int,
              calibration: KittiCalibration) -> dict:
    center = np.array(item.location) - (0, item.dimensions[1] / 2, 0)
    # also of what is behind the camera (DontCare), as mmdet3d stores it
    u, v, depth = image_coordinates(center[None], calibration.cam2img[2][:3])[0]
    return dict(
        bbox=list(item.bbox), bbox_label=CATEGORIES[item.type], bbox_3d=list(item.camera_box),
        bbox_label_3d=CATEGORIES[item.type], depth=float(depth),
        center_2d=[float(u / depth), float(v / depth)], num_lidar_pts=num_points,
        difficulty=difficulty(item), truncated=item.truncated, occluded=item.occluded,
        alpha=item.alpha, score=item.score, index=index, group_id=row)
