"""Poses and file names of all pictures of a split, compact and shared by worker processes."""
from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sparse3d.safe_pickle import loads_plain
from sparse3d.transforms.camera_frames import CameraSet, Timeline
from sparse3d.transforms.camera_matrices import refuse_useless_cameras
from sparse3d.transforms.data_paths import path_inside, posix_path

_POSE = slice(1, 13)     # lidar2cam, three rows
_MATRIX = slice(13, 22)  # cam2img


@dataclass(frozen=True)
class CameraImage:
    """One picture.

    Attributes:
        path: of the file.
        lidar2cam: (4, 4) float64, LiDAR frame of the sample that asks, at its key frame's
            time, to the camera at its own time.
        cam2img: (4, 4) float64.
        timestamp: seconds.
    """
    path: str
    lidar2cam: np.ndarray
    cam2img: np.ndarray
    timestamp: float

    @property
    def lidar2img(self) -> np.ndarray:
        """(4, 4) float64, LiDAR frame to (u * depth, v * depth, depth, 1)."""
        return self.cam2img @ self.lidar2cam


class CameraHistory:
    """Camera sets of the entries of an info file; see :mod:`sparse3d.transforms.camera_frames`.

    Args:
        entries: of a nuScenes info file, scene by scene in order of time.
        root: the data root.
        with_sweeps: whether pictures between key frames are wanted.

    Raises:
        DataError: for a picture whose calibration is singular or not finite.
    """

    def __init__(self, entries: Sequence[Mapping], root: Path, with_sweeps: bool = True) -> None:
        self.root = root
        rows = [_packed(entry, with_sweeps) for entry in entries]
        self._ends = np.cumsum([len(row) for row in rows]).astype(np.int64)
        self._bytes = np.frombuffer(b''.join(rows), dtype=np.uint8)
        self.lidar2global = np.array([lidar2global(entry) for entry in entries]).reshape(-1, 4, 4)
        self.timestamps = np.array([entry.get('timestamp', np.nan) for entry in entries], float)
        self.timeline = Timeline(
            [entry.get('scene_token', '') for entry in entries],
            [len(entry.get('image_sweeps', ())) if with_sweeps else 0 for entry in entries])

    def load(self, camera_set: CameraSet, now: int) -> dict[str, CameraImage]:
        """Pictures of a set by camera, with their poses relative to the sample in row ``now``."""
        row, number = camera_set
        moved = np.eye(4)
        if row != now:
            moved = np.linalg.inv(self.lidar2global[row]) @ self.lidar2global[now]
        names, numbers = self._read(row)
        first = sum(map(len, names[:number]))
        return {camera: self._image(path, numbers[first + place], moved)
                for place, (camera, path) in enumerate(names[number])}

    def key_frames(self, chosen: Sequence[CameraSet]) -> dict[str, np.ndarray]:
        """Times [s] and poses of chosen key frames, the first of which is now.

        Returns:
            ``frame_timestamps`` (T,), ``frame_lidar2global`` (T, 4, 4), and ``frame_there`` (T,)
            bool: False where the first one stands for a frame that the scene does not have.
        """
        rows = [row for row, _ in chosen]
        there = np.array([place == 0 or row != rows[0] for place, row in enumerate(rows)])
        return dict(frame_timestamps=self.timestamps[rows],
                    frame_lidar2global=self.lidar2global[rows], frame_there=there)

    def paths(self) -> list[Path]:
        """All files, in order."""
        return [path_inside(self.root, path) for row in range(len(self._ends))
                for names in self._read(row)[0] for _, path in names]

    def _read(self, row: int) -> tuple[list[list[tuple[str, str]]], np.ndarray]:
        start = self._ends[row - 1] if row else 0
        return loads_plain(self._bytes[start:self._ends[row]].tobytes(), 'the camera history')

    def _image(self, path: str, numbers: np.ndarray, moved: np.ndarray) -> CameraImage:
        lidar2cam, cam2img = np.eye(4), np.eye(4)
        lidar2cam[:3] = numbers[_POSE].reshape(3, 4)
        cam2img[:3, :3] = numbers[_MATRIX].reshape(3, 3)
        return CameraImage(str(path_inside(self.root, path)), lidar2cam @ moved, cam2img,
                           float(numbers[0]))


def lidar2global(entry: Mapping) -> np.ndarray:
    """Pose (4, 4) float64 of the LiDAR at the key frame of an entry."""
    return (np.array(entry['ego2global'], dtype=np.float64)
            @ np.array(entry['lidar_points']['lidar2ego'], dtype=np.float64))


def _packed(entry: Mapping, with_sweeps: bool) -> bytes:
    """``(camera, path)`` of each set, and one row of numbers for each picture."""
    key = {camera: dict(image, img_path=f'samples/{camera}/{posix_path(image["img_path"]).name}')
           for camera, image in entry.get('images', {}).items() if image.get('img_path')}
    sets = [key, *(sweep['images'] for sweep in entry.get('image_sweeps', ()) if with_sweeps)]
    names = [[(camera, image['img_path']) for camera, image in images.items()] for images in sets]
    numbers = np.array([_numbers(image) for images in sets for image in images.values()]
                       ).reshape(-1, _MATRIX.stop)
    refuse_useless_cameras([path for pairs in names for _, path in pairs],
                           dict(lidar2cam=numbers[:, _POSE].reshape(-1, 3, 4),
                                cam2img=numbers[:, _MATRIX].reshape(-1, 3, 3)))
    return pickle.dumps((names, numbers), protocol=4)


def _numbers(image: Mapping) -> np.ndarray:
    pose = np.array(image['lidar2cam'], dtype=np.float64)[:3]
    return np.concatenate([[image['timestamp']], pose.ravel(),
                           np.array(image['cam2img'], dtype=np.float64)[:3, :3].ravel()])
