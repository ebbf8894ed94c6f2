"""One Waymo frame as an entry of an info file: the layout of mmdet3d 1.4, and what it lacks."""
from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from sparse3d.datasets.waymo.frame import CAMERA_NAMES, CAMERAS, CameraImage, WaymoFrame
from sparse3d.errors import DataError
from sparse3d.structures.box_conversions import center_to_lidar

LABELS = {1: 0, 2: 1, 4: 2}       # type in the files: vehicle, pedestrian, cyclist to class
CLASS_NAMES = ('Car', 'Pedestrian', 'Cyclist')
MOST_SWEEPS = 10
# Camera frame of Waymo (x forward, y left, z up) to the usual one (x right, y down, z forward).
_CAMERA_AXES = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])


def frame_info(frame: WaymoFrame, name: str, previous: list[dict]) -> dict[str, Any]:
    """Entry of one frame.

    Beside the fields of mmdet3d 1.4 it has: ``images.*.{cam2ego, distortion, ego2global,
    timestamp}``, ``no_label_zones`` (global frame; only version 1 of the data set has
    them), ``conditions``, ``camera_labels``, ``uncalibrated_cameras`` where there are pictures
    without calibration, and the extra fields of :func:`_instance`.

    Args:
        frame: the frame.
        name: name of its files without suffix.
        previous: entries of earlier frames of the segment, oldest first.

    Returns:
        Plain data. ``bbox_3d`` is a LiDAR box: x, y, z of the bottom center, length,
        width, height, yaw. Signs and boxes without points are left out, as in mmdet3d.

    Raises:
        DataError: if a picture cannot be read.
    """
    info = dict(
        sample_idx=int(name), timestamp=frame.timestamp, ego2global=frame.ego2global.tolist(),
        context_name=frame.context_name, images=_images(frame, name),
        lidar_points=dict(lidar_path=f'{name}.bin', num_pts_feats=6,
                          origin_path=f'{name}.bin'))
    uncalibrated = [CAMERA_NAMES[camera] for camera in CAMERAS
                    if camera in frame.images and camera not in frame.camera_calibrations]
    if uncalibrated:
        info['uncalibrated_cameras'] = uncalibrated
    if previous:
        newest_first = previous[:-MOST_SWEEPS - 1:-1]
        info['lidar_sweeps'] = [_lidar_sweep(entry) for entry in newest_first]
        info['image_sweeps'] = [_image_sweep(entry) for entry in newest_first]
    info['instances'] = _instances(frame, synced=False)
    info['cam_sync_instances'] = _instances(frame, synced=True)
    info['camera_labels'] = _camera_labels(frame)
    info['conditions'] = dict(frame.conditions)
    if frame.no_label_zones is not None:
        info['no_label_zones'] = [zone.tolist() for zone in frame.no_label_zones]
    return info


def image_size(image: CameraImage, where: str) -> tuple[int, int]:
    """Height and width of a JPEG from its header, making sure that its end is there.

    Raises:
        DataError: if it is no JPEG or is truncated.
    """
    try:
        with Image.open(io.BytesIO(image.jpeg)) as picture:
            width, height = picture.size
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, TypeError) as error:
        raise DataError(f'{where} is not a readable picture: {error}') from error
    if not image.jpeg.rstrip(b'\0').endswith(b'\xff\xd9'):
        raise DataError(f'{where} is truncated: a JPEG ends with an end marker')
    return height, width


def _images(frame: WaymoFrame, name: str) -> dict[str, dict]:
    return {f'CAM_{CAMERA_NAMES[camera]}': _image(frame, camera, name)
            for camera in CAMERAS if camera in frame.images and camera in frame.camera_calibrations}


def _image(frame: WaymoFrame, camera: int, name: str) -> dict[str, Any]:
    calibration, image = frame.camera_calibrations[camera], frame.images[camera]
    where = f'the picture of camera {CAMERA_NAMES[camera]} at {frame.timestamp}'
    height, width = image_size(image, where)
    lidar2cam = _CAMERA_AXES @ np.linalg.inv(calibration.extrinsic)
    f_u, f_v, c_u, c_v, *distortion = calibration.intrinsic
    cam2img = np.array([[f_u, 0, c_u, 0], [0, f_v, c_v, 0], [0, 0, 1, 0]])
    return dict(
        img_path=f'{name}.jpg', height=height, width=width, lidar2cam=lidar2cam.tolist(),
        cam2img=cam2img.tolist(), lidar2img=(cam2img @ lidar2cam).tolist(),
        cam2ego=(calibration.extrinsic @ np.linalg.inv(_CAMERA_AXES)).tolist(),
        distortion=[float(number) for number in distortion],
        ego2global=image.pose.tolist(), timestamp=image.pose_timestamp)


def _lidar_sweep(entry: dict) -> dict[str, Any]:
    return dict(timestamp=entry['timestamp'], ego2global=entry['ego2global'],
                lidar_points=dict(lidar_path=entry['lidar_points']['lidar_path']))


def _image_sweep(entry: dict) -> dict[str, Any]:
    return dict(timestamp=entry['timestamp'], ego2global=entry['ego2global'],
                images={name: dict(img_path=image['img_path'])
                        for name, image in entry['images'].items()})


def _instances(frame: WaymoFrame, synced: bool) -> list[dict[str, Any]]:
    objects = frame.objects
    boxes = center_to_lidar(objects.synced_boxes if synced else objects.boxes)
    chosen = [row for row in range(len(objects))
              if objects.types[row] in LABELS and objects.num_points[row] > 0
              and not (synced and not objects.most_visible_camera[row])]
    projected = _projected_boxes(frame)
    return [_instance(frame, row, group, boxes[row], projected, synced)
            for group, row in enumerate(chosen, start=1)]


def _instance(frame: WaymoFrame, row: int, group: int, box: np.ndarray,
              projected: dict[str, dict[int, list[float]]], synced: bool) -> dict[str, Any]:
    """An object; ours are ``track_id``, ``difficulty`` (1 or 2), ``tracking_difficulty`` (0
    not annotated), ``num_top_lidar_pts``, ``velocity`` (2, LiDAR frame, NaN unknown), and for
    people with labeled joints ``keypoints_3d`` (14, 3) and ``keypoints_visible`` (14: 0
    missing, 1 occluded, 2 visible)."""
    objects = frame.objects
    views = projected.get(objects.ids[row], {})
    first = min(views, default=0)
    camera = int(objects.most_visible_camera[row]) if synced else first
    label = LABELS[int(objects.types[row])]
    velocity = objects.speeds[row] @ frame.ego2global[:3, :3]   # rows times R: inverse rotation
    instance = dict(
        group_id=group, camera_id=max(camera - 1, 0),
        bbox=views.get(camera, views.get(first, [0.0] * 4)), bbox_label=label,
        bbox_3d=box.tolist(), bbox_label_3d=label, num_lidar_pts=int(objects.num_points[row]),
        num_top_lidar_pts=int(objects.num_top_points[row]), track_id=objects.ids[row],
        difficulty=int(objects.difficulty[row]),
        tracking_difficulty=int(objects.tracking_difficulty[row]),
        velocity=velocity[:2].tolist())
    if objects.visibility[row].any():
        instance['keypoints_3d'] = objects.keypoints[row].tolist()
        instance['keypoints_visible'] = objects.visibility[row].tolist()
    return instance


def _projected_boxes(frame: WaymoFrame) -> dict[str, dict[int, list[float]]]:
    """Image box of every object in every camera that sees it."""
    views: dict[str, dict[int, list[float]]] = {}
    projected = frame.projected
    for camera, name, box in zip(projected.cameras, projected.laser_ids, projected.boxes,
                                 strict=True):
        views.setdefault(name, {})[int(camera)] = box.tolist()
    return views


def _camera_labels(frame: WaymoFrame) -> list[dict[str, Any]]:
    """Objects drawn in the pictures: ``camera_id``, ``bbox``, ``bbox_label``, ``object_id``,
    ``track_id`` of the 3D object or '', and ``keypoints_2d`` with ``keypoints_visible``."""
    people, labels = frame.camera_objects, []
    for row in range(len(people)):
        if int(people.types[row]) not in LABELS:
            continue
        label = dict(
            camera_id=int(people.cameras[row]) - 1, bbox=people.boxes[row].tolist(),
            bbox_label=LABELS[int(people.types[row])], object_id=people.ids[row],
            track_id=people.laser_ids[row])
        if people.visibility[row].any():
            label['keypoints_2d'] = people.keypoints[row].tolist()
            label['keypoints_visible'] = people.visibility[row].tolist()
        labels.append(label)
    return labels
