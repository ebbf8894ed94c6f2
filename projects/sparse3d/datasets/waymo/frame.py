"""One frame of the Waymo Open Dataset, the same whichever published format it comes from.

Frames of reference: vehicle (x forward, y left, z up, meters) at ``ego2global``; global
(meters, coordinates of 1e4 to 1e5); camera (x forward, y left, z up); pixels. Boxes here
are Waymo's own: geometric center, length, width, height, heading.
"""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

LIDAR_NAMES = ('UNKNOWN', 'TOP', 'FRONT', 'SIDE_LEFT', 'SIDE_RIGHT', 'REAR')
CAMERA_NAMES = ('UNKNOWN', 'FRONT', 'FRONT_LEFT', 'FRONT_RIGHT', 'SIDE_LEFT', 'SIDE_RIGHT')
TYPE_NAMES = ('UNKNOWN', 'VEHICLE', 'PEDESTRIAN', 'SIGN', 'CYCLIST')
TOP = 1
LIDARS, CAMERAS = range(1, 6), range(1, 6)

# Numbers of the joints in the files, in the order of the rows here; left and right are
# the person's. Row 13 is the head center of a LiDAR label, the forehead of a camera label.
JOINTS = ('nose', 'left shoulder', 'right shoulder', 'left elbow', 'right elbow', 'left wrist',
          'right wrist', 'left hip', 'right hip', 'left knee', 'right knee', 'left ankle',
          'right ankle', 'head')
LIDAR_JOINT_TYPES = (1, 5, 13, 6, 14, 7, 15, 8, 16, 9, 17, 10, 18, 20)
CAMERA_JOINT_TYPES = (*LIDAR_JOINT_TYPES[:13], 19)
MISSING, OCCLUDED, VISIBLE = 0, 1, 2


@dataclass
class LidarCalibration:
    """Where a LiDAR sits and which way its rows look."""
    extrinsic: np.ndarray              # [4, 4] float64, sensor to vehicle
    inclination_min: float             # [rad]
    inclination_max: float
    inclinations: np.ndarray | None    # [H] float64 ascending, None: uniform from min to max


@dataclass
class CameraCalibration:
    """Where a camera sits and how it projects."""
    intrinsic: np.ndarray              # [9] float64: f_u, f_v, c_u, c_v, k1, k2, p1, p2, k3
    extrinsic: np.ndarray              # [4, 4] float64, camera to vehicle
    width: int                         # [px]
    height: int
    rolling_shutter_direction: int     # 1 down, 2 right, 3 up, 4 left, 5 global shutter


@dataclass
class LidarScan:
    """Range images of one LiDAR; row 0 looks highest, columns run clockwise."""
    returns: list[np.ndarray]         # 1 or 2 [H, W, 4] float32: range, intensity, elongation, zone
    pixel_pose: np.ndarray | None      # [H, W, 6] float32: roll, pitch, yaw, x, y, z (TOP)
    projections: list[np.ndarray]      # 0 or 2 x [H, W, 6] int32: camera, u, v, camera, u, v


@dataclass
class CameraImage:
    """One picture with the motion of the vehicle while it was taken."""
    jpeg: bytes
    pose: np.ndarray                   # [4, 4] float64, vehicle to global
    velocity: np.ndarray               # [6] float64: linear [m/s], angular [rad/s]
    pose_timestamp: float              # [s]
    shutter: float
    trigger_time: float
    readout_done_time: float


@dataclass
class LidarObjects:
    """Labeled objects in 3D; every array has one row per object."""
    ids: list[str]
    types: np.ndarray                  # [M] int64, index into TYPE_NAMES
    boxes: np.ndarray                  # [M, 7] float64: center, length, width, height, heading
    num_points: np.ndarray             # [M] int64, by the labels, all LiDARs
    num_top_points: np.ndarray         # [M] int64
    speeds: np.ndarray                 # [M, 3] float64, global frame [m/s], NaN unknown
    accelerations: np.ndarray          # [M, 3] float64, global frame [m/s^2], NaN unknown
    annotated_difficulty: np.ndarray   # [M] int64, 0 not annotated, 1, 2
    tracking_difficulty: np.ndarray    # [M] int64, 0 not annotated, 1, 2
    most_visible_camera: np.ndarray    # [M] int64, 0 none
    synced_boxes: np.ndarray           # [M, 7] float64 at the time of the pictures, NaN none
    keypoints: np.ndarray              # [M, 14, 3] float64, vehicle frame, 0 where missing
    visibility: np.ndarray             # [M, 14] int64: MISSING, OCCLUDED, VISIBLE

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def difficulty(self) -> np.ndarray:
        """LEVEL_1 or LEVEL_2 of each object [M]: as annotated, else 2 up to 5 points."""
        by_points = np.where(self.num_points <= 5, 2, 1)
        return np.where(self.annotated_difficulty > 0, self.annotated_difficulty, by_points)


@dataclass
class CameraObjects:
    """Objects labeled in the pictures; every array has one row per object."""
    cameras: np.ndarray                # [K] int64
    ids: list[str]
    types: np.ndarray                  # [K] int64
    boxes: np.ndarray                  # [K, 4] float64: left, top, right, bottom [px]
    annotated_difficulty: np.ndarray   # [K] int64, 0 not annotated
    laser_ids: list[str]               # of the same object in LidarObjects, '' unknown
    keypoints: np.ndarray              # [K, 14, 2] float64 [px], 0 where missing
    visibility: np.ndarray             # [K, 14] int64

    def __len__(self) -> int:
        return len(self.ids)


@dataclass
class ProjectedObjects:
    """3D boxes projected into the pictures; every array has one row per box."""
    cameras: np.ndarray                # [P] int64
    laser_ids: list[str]
    types: np.ndarray                  # [P] int64
    boxes: np.ndarray                  # [P, 4] float64: left, top, right, bottom [px]

    def __len__(self) -> int:
        return len(self.laser_ids)


@dataclass
class WaymoFrame:
    """Everything recorded at one time; dictionaries go by the number of the sensor."""
    context_name: str
    index: int                         # rank of the timestamp in the segment
    timestamp: int                     # [us]
    ego2global: np.ndarray             # [4, 4] float64
    lidar_calibrations: dict[int, LidarCalibration]
    camera_calibrations: dict[int, CameraCalibration]
    scans: dict[int, LidarScan]
    images: dict[int, CameraImage]
    objects: LidarObjects
    camera_objects: CameraObjects
    projected: ProjectedObjects
    no_label_zones: list[np.ndarray] | None = None  # of [V, 2] global; None: not in the format
    conditions: dict[str, str] = field(default_factory=dict)  # time_of_day, location, weather
    counted: bool = False              # whether points in boxes were counted here


def arrange_joints(types: list[int], locations: np.ndarray, occluded: list[bool],
                   order: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Sort the labeled joints of one person into the fixed order.

    Args:
        types: numbers of the joints as in the files; unknown ones are ignored.
        locations: (J, D) coordinates.
        occluded: whether each joint is hidden.
        order: ``LIDAR_JOINT_TYPES`` or ``CAMERA_JOINT_TYPES``.

    Returns:
        ``(keypoints [14, D], visibility [14])``, zeros for missing joints.
    """
    locations = np.asarray(locations, dtype=np.float64)
    keypoints = np.zeros((len(order), locations.shape[1]))
    visibility = np.zeros(len(order), dtype=np.int64)
    for kind, location, hidden in zip(types, locations, occluded, strict=True):
        if kind in order:
            keypoints[order.index(kind)] = location
            visibility[order.index(kind)] = OCCLUDED if hidden else VISIBLE
    return keypoints, visibility
