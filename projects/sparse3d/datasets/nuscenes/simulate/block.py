"""One key frame of a simulated nuScenes scene with the sweeps that lead to it.

Files of the sensors are written first, then the block's record, which the tables are made
of: a block whose record is there is complete.
"""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.datasets.nuscenes.simulate.annotations import Shares, annotate, visible_shares
from sparse3d.datasets.nuscenes.simulate.options import KEY_INTERVAL
from sparse3d.datasets.nuscenes.simulate.rig import CAMERAS, LIDAR, build_camera, build_lidar
from sparse3d.simulate.camera import Picture, take_picture
from sparse3d.simulate.lidar import Sweep, scan
from sparse3d.simulate.scene import Scene, Snapshot

START = .1          # scene time of the first key frame; cameras are triggered before it [s]
EPOCH = 1_700_000_000_000_000  # time stamp of scene 0 [us]
SCENE_SPACING = 3600_000_000   # [us]


class BlockWriter:
    """Looks at one scene with all sensors and writes what they see below ``root``.

    ``store`` takes a file's path and its content in place of the disk; the sensors may be fewer
    (``cameras``).
    """

    def __init__(self, root: Path, scene: Scene, number: int, lidar_rate: float,
                 camera_rate: float, azimuths: int, image_width: int, seed: int,
                 store: Callable[[Path, bytes], None] = write_bytes_atomically,
                 cameras: bool = True) -> None:
        self._root, self._scene, self._number, self._seed = root, scene, number, seed
        self._store, self._cameras = store, tuple(CAMERAS) if cameras else ()
        self._sweeps = {LIDAR: lidar_rate, **dict.fromkeys(CAMERAS, camera_rate)}
        self._lidar = build_lidar(azimuths)
        self._width = image_width

    def write(self, sample: int) -> None:
        """Simulate and write one key frame, its sweeps and its record."""
        self._store(record_path(self._root, self._number, sample),
                    json.dumps(self.look(sample)).encode())

    def look(self, sample: int) -> dict:
        """Simulate one key frame and its sweeps, store their files; gives the record."""
        snapshot = self._scene.snapshot(key_time(sample))
        sweep = scan(snapshot, self._lidar, self._rng(sample, 0, 0))
        data = [self._keep_sweep(snapshot, sweep, key_time(sample), True)]
        shares: Shares = {}
        for channel in self._cameras:
            entry, seen = self._take(channel, sample, 0)
            data.append(entry)
            for identity, share in seen.items():
                shares[identity] = max(share, shares.get(identity, 0.0))
        for channel, rate in self._sweeps.items():
            if channel not in (LIDAR, *self._cameras):
                continue
            steps = range(1, round(KEY_INTERVAL * rate)) if sample else ()
            data += [self._take(channel, sample, step)[0] for step in steps]
        return dict(data=data, annotations=annotate(
            snapshot, sweep, self._lidar.ego_from_lidar, shares))

    def _take(self, channel: str, sample: int, step: int) -> tuple[dict, Shares]:
        """Data ``step`` periods of the sensor before the key frame; shares for key frames."""
        time = key_time(sample) - step / self._sweeps[channel]
        rng = self._rng(sample, 1 + list(self._sweeps).index(channel), step)
        if channel == LIDAR:
            snapshot = self._scene.snapshot(time)
            return self._keep_sweep(snapshot, scan(snapshot, self._lidar, rng), time, False), {}
        time -= CAMERAS[channel].lead
        snapshot, camera = self._scene.snapshot(time), build_camera(channel, self._width)
        picture = take_picture(snapshot, camera, rng)
        entry = self._keep_picture(snapshot, picture, channel, time, not step)
        return entry, visible_shares(snapshot, camera, picture) if not step else {}

    def _keep_sweep(self, snapshot: Snapshot, sweep: Sweep, time: float, key: bool) -> dict:
        ring = len(self._lidar.elevations) - 1 - sweep.beams  # nuScenes counts from below
        points = np.column_stack([sweep.points[:, :3], np.round(sweep.points[:, 3] * 255), ring])
        return self._entry(snapshot, LIDAR, time, key, 'pcd.bin', points.astype('<f4').tobytes())

    def _keep_picture(self, snapshot: Snapshot, picture: Picture, channel: str, time: float,
                      key: bool) -> dict:
        jpeg = cv2.imencode('.jpg', picture.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
        height, width = picture.image.shape[:2]
        return dict(self._entry(snapshot, channel, time, key, 'jpg', jpeg.tobytes()),
                    height=height, width=width)

    def _entry(self, snapshot: Snapshot, channel: str, time: float, key: bool, ending: str,
               content: bytes) -> dict:
        """Write a sensor's file; what the tables need to know of it."""
        stamp = EPOCH + self._number * SCENE_SPACING + round(time * 1e6)
        folder = f'{"samples" if key else "sweeps"}/{channel}'
        name = f'{folder}/{log_name(self._number)}__{channel}__{stamp}.{ending}'
        self._store(self._root / name, content)
        return dict(channel=channel, timestamp=stamp, filename=name, is_key_frame=key, height=0,
                    width=0, world_from_ego=snapshot.world_from_ego.tolist())

    def _rng(self, *place: int) -> np.random.Generator:
        return np.random.default_rng((self._seed, self._number, *(1 + part for part in place)))


def key_time(sample: int) -> float:
    """Scene time of a key frame [s]."""
    return START + sample * KEY_INTERVAL


def record_path(root: Path, scene: int, sample: int) -> Path:
    """Where the record of a block lies."""
    return root / '.simulation' / f'{scene:04d}_{sample:04d}.json'


def log_name(scene: int) -> str:
    """Name of the log of a scene, which its files begin with."""
    return f's{scene:03d}-simulated'
