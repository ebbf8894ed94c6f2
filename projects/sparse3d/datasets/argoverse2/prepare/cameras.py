"""Pictures of a log of Argoverse 2 with their matrices."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparse3d.datasets.argoverse2.categories import CAMERAS
from sparse3d.datasets.argoverse2.feather_files import (
    QUATERNION,
    TRANSLATION,
    read_feather,
    stacked,
)
from sparse3d.datasets.argoverse2.poses import EgoPoses, pose_matrices, rotations_of
from sparse3d.datasets.argoverse2.prepare.log_files import LogFolder
from sparse3d.errors import DataError

FARTHEST = 60_000_000  # of a picture from its sweep [ns]; cameras take one every 50 ms
_INTRINSICS = ('fx_px', 'fy_px', 'cx_px', 'cy_px', 'height_px', 'width_px')


@dataclass(frozen=True)
class LogCamera:
    """A camera of a log.

    Attributes:
        name: of the camera.
        times: (N,) int64 of its pictures [ns], rising; only those with a pose.
        paths: of its pictures.
        cam2img: (3, 3).
        cam2ego: (4, 4), camera (x right, y down, z forward) to vehicle.
        size: height and width [px].
        without_pose: pictures that have no pose and are left out.
    """

    name: str
    times: np.ndarray
    paths: tuple[str, ...]
    cam2img: np.ndarray
    cam2ego: np.ndarray
    size: tuple[int, int]
    without_pose: int

    def near(self, time: int, poses: EgoPoses) -> dict | None:
        """The picture nearest to a sweep as an entry of ``images``; None if there is none."""
        if not len(self.times):
            return None
        row = int(np.argmin(np.abs(self.times - time)))
        if abs(int(self.times[row]) - time) > FARTHEST:
            return None
        then, now = poses.at([self.times[row], time])
        # Both poses are large; their difference is taken first.
        moved = np.eye(4)
        moved[:3, :3] = then[:3, :3].T @ now[:3, :3]
        moved[:3, 3] = then[:3, :3].T @ (now[:3, 3] - then[:3, 3])
        lidar2cam = np.linalg.inv(self.cam2ego) @ moved
        return dict(img_path=self.paths[row], height=self.size[0], width=self.size[1],
                    cam2img=self.cam2img.tolist(), lidar2cam=lidar2cam.tolist(),
                    cam2ego=self.cam2ego.tolist(), ego2global=then.tolist(),
                    timestamp=int(self.times[row]) * 1e-9)


def read_cameras(log: LogFolder, poses: EgoPoses) -> list[LogCamera]:
    """The cameras of a log that have pictures; there may be none.

    Raises:
        DataError: for pictures of a camera without calibration.
    """
    pictures = {name: found for name in CAMERAS if (found := log.pictures(name))}
    if not pictures:
        return []
    mounts = _mounts(log)
    path = log.path / 'calibration' / 'intrinsics.feather'
    table = read_feather(path, ('sensor_name', *_INTRINSICS))
    rows = {name: row for row, name in enumerate(table['sensor_name'])}
    cameras = []
    for name, found in pictures.items():
        if name not in rows or name not in mounts:
            raise DataError(f'{log.path / "calibration"} has no {name}, of which there are '
                            f'{len(found)} pictures; fetch it again, or prepare with --no-cameras')
        fx, fy, cx, cy, height, width = (float(table[key][rows[name]]) for key in _INTRINSICS)
        times = np.array(list(found), np.int64)
        known = poses.has(times)
        cameras.append(LogCamera(
            name, times[known], tuple(path for path, keep in zip(found.values(), known,
                                                                 strict=True) if keep),
            np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]]), mounts[name],
            (int(height), int(width)), int((~known).sum())))
    return cameras


def _mounts(log: LogFolder) -> dict[str, np.ndarray]:
    """Pose (4, 4) of each sensor in the vehicle."""
    path = log.path / 'calibration' / 'egovehicle_SE3_sensor.feather'
    table = read_feather(path, ('sensor_name', *QUATERNION, *TRANSLATION))
    matrices = pose_matrices(rotations_of(table, path), stacked(table, TRANSLATION))
    return dict(zip(table['sensor_name'], matrices, strict=True))
