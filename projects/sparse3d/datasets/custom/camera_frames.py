"""Pictures of a custom data set's frames, of now and of before."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sparse3d.errors import ConfigError
from sparse3d.transforms.camera_frames import FrameChoice, Timeline
from sparse3d.transforms.camera_history import CameraImage
from sparse3d.transforms.data_paths import path_inside


class CustomCameraFrames:
    """Chooses and gives the pictures that a camera model sees of a frame.

    Args:
        entries: of an info file, scene by scene in order of time.
        root: the data root.
        choice: how many frames, and which.
        path: of the info file, for errors.

    Raises:
        ConfigError: if several frames are wanted and nothing says how they follow each other.
    """

    def __init__(self, entries: Sequence[dict], root: Path, choice: FrameChoice,
                 path: str) -> None:
        self.choice = choice
        self._images = [self._of_entry(entry, root) for entry in entries]
        if choice.num_frames == 1:
            return
        lacking = next((entry['sample_idx'] for entry in entries
                        if entry.get('lidar2global') is None), None)
        if lacking is not None:
            raise ConfigError(f'num_frames={choice.num_frames}, and {path} has no time and pose of '
                              f'{lacking}: write timestamp and lidar2global of each frame into '
                              f'frames.json (docs/custom_data.md), and prepare the data again')
        self._poses = np.array([entry['lidar2global'] for entry in entries], np.float64)
        self.timeline = Timeline([entry['scene_token'] for entry in entries], [0] * len(entries))

    def load(self, row: int, training: bool) -> list[dict[str, CameraImage]]:
        """By camera the pictures of each frame, now first; draws in training."""
        if self.choice.num_frames == 1:
            return [dict(self._images[row])]
        chosen = self.choice.choose(self.timeline, row, training)
        return [self._moved(other, row) for other, _ in chosen]

    def _moved(self, other: int, now: int) -> dict[str, CameraImage]:
        """Pictures of another frame for points of now."""
        if other == now:
            return dict(self._images[now])
        motion = np.linalg.inv(self._poses[other]) @ self._poses[now]
        return {camera: CameraImage(image.path, image.lidar2cam @ motion, image.cam2img,
                                    image.timestamp)
                for camera, image in self._images[other].items()}

    @staticmethod
    def _of_entry(entry: dict, root: Path) -> dict[str, CameraImage]:
        return {camera: CameraImage(str(path_inside(root, image['img_path'])),
                                    np.array(image['lidar2cam'], np.float64),
                                    np.array(image['cam2img'], np.float64),
                                    float(entry.get('timestamp', 0.0)))
                for camera, image in entry['images'].items()}
