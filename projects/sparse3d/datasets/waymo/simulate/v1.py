"""Waymo frames as v1 files: a TFRecord of ``Frame`` messages."""
from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from google.protobuf.message import Message

from sparse3d.atomic_files import atomic_file
from sparse3d.datasets.waymo import frame as waymo
from sparse3d.datasets.waymo.messages import Frame
from sparse3d.datasets.waymo.simulate.encoding import write_matrix, write_record

_BOX = ('center_x', 'center_y', 'center_z', 'length', 'width', 'height', 'heading')
_VELOCITY = ('v_x', 'v_y', 'v_z', 'w_x', 'w_y', 'w_z')


def v1_path(folder: Path, context_name: str) -> Path:
    """Where the segment lies in the folder of its split."""
    return folder / f'segment-{context_name}_with_camera_labels.tfrecord'


def write_v1(folder: Path, context_name: str,
             frames: Iterable[waymo.WaymoFrame]) -> Iterable[waymo.WaymoFrame]:
    """Pass the frames on and write them; the file appears when the last one has gone by."""
    with atomic_file(v1_path(folder, context_name)) as stream:
        for frame in frames:
            write_record(stream, frame_message(frame).SerializeToString())
            yield frame


def frame_message(frame: waymo.WaymoFrame) -> Message:
    """The frame as a protobuf message, with cameras in falling order: no reader may count on
    their order."""
    message = Frame(timestamp_micros=frame.timestamp)
    message.pose.transform.extend(frame.ego2global.ravel())
    _add_context(message.context, frame)
    for name, image in sorted(frame.images.items(), reverse=True):
        _add_image(message.images.add(name=name), image)
    for name, scan in frame.scans.items():
        _add_scan(message.lasers.add(name=name), scan)
    for row in range(len(frame.objects)):
        _add_object(message.laser_labels.add(), frame.objects, row)
    for zone in frame.no_label_zones or ():
        message.no_label_zones.add(x=zone[:, 0], y=zone[:, 1])
    _add_camera_labels(message, frame)
    return message


def _add_context(context: Message, frame: waymo.WaymoFrame) -> None:
    context.name = frame.context_name
    for key, value in frame.conditions.items():
        setattr(context.stats, key, value)
    for counts, types in ((context.stats.laser_object_counts, frame.objects.types),
                          (context.stats.camera_object_counts, frame.camera_objects.types)):
        for kind, count in zip(*np.unique(types, return_counts=True), strict=True):
            counts.add(type=kind, count=count)
    for name, lidar in frame.lidar_calibrations.items():
        item = context.laser_calibrations.add(
            name=name, beam_inclination_min=lidar.inclination_min,
            beam_inclination_max=lidar.inclination_max)
        item.extrinsic.transform.extend(lidar.extrinsic.ravel())
        if lidar.inclinations is not None:
            item.beam_inclinations.extend(lidar.inclinations)
    for name, camera in frame.camera_calibrations.items():
        item = context.camera_calibrations.add(
            name=name, intrinsic=camera.intrinsic, width=camera.width, height=camera.height,
            rolling_shutter_direction=camera.rolling_shutter_direction)
        item.extrinsic.transform.extend(camera.extrinsic.ravel())


def _add_image(item: Message, image: waymo.CameraImage) -> None:
    item.image = image.jpeg
    item.pose.transform.extend(image.pose.ravel())
    for name, value in zip(_VELOCITY, image.velocity, strict=True):
        setattr(item.velocity, name, value)
    item.pose_timestamp, item.shutter = image.pose_timestamp, image.shutter
    item.camera_trigger_time = image.trigger_time
    item.camera_readout_done_time = image.readout_done_time


def _add_scan(item: Message, scan: waymo.LidarScan) -> None:
    for number, target in enumerate((item.ri_return1, item.ri_return2)):
        target.range_image_compressed = write_matrix(scan.returns[number])
        if scan.projections:
            target.camera_projection_compressed = write_matrix(scan.projections[number])
    if scan.pixel_pose is not None:
        item.ri_return1.range_image_pose_compressed = write_matrix(scan.pixel_pose)


def _add_object(label: Message, objects: waymo.LidarObjects, row: int) -> None:
    label.id, label.type = objects.ids[row], objects.types[row]
    _set_box(label.box, objects.boxes[row])
    speed, acceleration = objects.speeds[row], objects.accelerations[row]
    for axis, name in enumerate('xyz'):
        setattr(label.metadata, f'speed_{name}', speed[axis])
        setattr(label.metadata, f'accel_{name}', acceleration[axis])
    label.num_lidar_points_in_box = objects.num_points[row]
    label.num_top_lidar_points_in_box = objects.num_top_points[row]
    if objects.annotated_difficulty[row]:
        label.detection_difficulty_level = objects.annotated_difficulty[row]
    if objects.most_visible_camera[row]:
        label.most_visible_camera_name = waymo.CAMERA_NAMES[objects.most_visible_camera[row]]
        _set_box(label.camera_synced_box, objects.synced_boxes[row])
    for joint in np.flatnonzero(objects.visibility[row]):
        item = label.laser_keypoints.keypoint.add(type=waymo.LIDAR_JOINT_TYPES[joint])
        place = item.keypoint_3d.location_m
        place.x, place.y, place.z = objects.keypoints[row, joint]
        hidden = objects.visibility[row, joint] == waymo.OCCLUDED
        item.keypoint_3d.visibility.is_occluded = bool(hidden)


def _add_camera_labels(message: Message, frame: waymo.WaymoFrame) -> None:
    people, projected = frame.camera_objects, frame.projected
    for camera in frame.images:
        group = message.camera_labels.add(name=camera)
        for row in np.flatnonzero(people.cameras == camera):
            label = group.labels.add(id=people.ids[row], type=people.types[row])
            _set_image_box(label.box, people.boxes[row])
            label.association.laser_object_id = people.laser_ids[row]
            _add_pixels_of_joints(label, people, row)
        group = message.projected_lidar_labels.add(name=camera)
        for row in np.flatnonzero(projected.cameras == camera):
            name = f'{projected.laser_ids[row]}_{waymo.CAMERA_NAMES[camera]}'
            label = group.labels.add(id=name, type=projected.types[row])
            _set_image_box(label.box, projected.boxes[row])


def _add_pixels_of_joints(label: Message, people: waymo.CameraObjects, row: int) -> None:
    for joint in np.flatnonzero(people.visibility[row]):
        item = label.camera_keypoints.keypoint.add(type=waymo.CAMERA_JOINT_TYPES[joint])
        place = item.keypoint_2d.location_px
        place.x, place.y = people.keypoints[row, joint]
        hidden = people.visibility[row, joint] == waymo.OCCLUDED
        item.keypoint_2d.visibility.is_occluded = bool(hidden)


def _set_box(box: Message, values: np.ndarray) -> None:
    for name, value in zip(_BOX, values, strict=True):
        setattr(box, name, value)


def _set_image_box(box: Message, values: np.ndarray) -> None:
    left, top, right, bottom = values
    box.center_x, box.center_y = (left + right) / 2, (top + bottom) / 2
    box.length, box.width = right - left, bottom - top
