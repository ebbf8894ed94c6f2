"""Simulated drives in the official layout of the KITTI object benchmark.

    root/training/{velodyne/*.bin, image_2/*.png, calib/*.txt, label_2/*.txt, planes/*.txt}
    root/ImageSets/{train,val,trainval}.txt
    root/simulation.json     version, seed and options that decide the content of the frames

Frames come in drives: ``frames_per_drive`` frames of one random street, taken
``1 / frame_rate`` seconds apart while everybody moves. A drive is either for training or
for validation, so no street is seen in both. Frame i depends on the seed, the options and
i alone: not on the number of frames or workers, and a run that was stopped goes on where
it stopped, to the same bytes.
"""
from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.datasets.kitti.simulate.calibration import IMAGE_SIZE, LIDAR_HEIGHT, KittiCalibration
from sparse3d.datasets.kitti.simulate.labels import (
    Sighting,
    label_lines,
    lidar_from_world,
    plane_lines,
    road_plane,
)
from sparse3d.datasets.kitti.simulate.options import KittiOptions
from sparse3d.errors import DataError
from sparse3d.parallel.executors import Workers
from sparse3d.parallel.failures import Failures
from sparse3d.parallel.pool import run_jobs
from sparse3d.simulate.camera import Camera, Picture, take_picture
from sparse3d.simulate.conditions import options_for_stamp
from sparse3d.simulate.lidar import Lidar, Sweep, scan
from sparse3d.simulate.output_folder import open_folder, write_lines
from sparse3d.simulate.poses import inverse
from sparse3d.simulate.scene import Snapshot
from sparse3d.simulate.street import random_street
from sparse3d.simulate.visibility import look_at

VERSION = 1  # raise whenever the same options give other frames
FILES = {'velodyne': 'bin', 'image_2': 'png', 'calib': 'txt', 'planes': 'txt', 'label_2': 'txt'}


@dataclass(frozen=True)
class Frame:
    """Everything one frame's files hold."""
    sweep: Sweep
    picture: Picture
    labels: list[str]
    plane: list[str]
    sightings: list[Sighting]


def simulate_kitti(root: str | Path, num_frames: int = 200, seed: int = 0, workers: Workers = 1,
                   val_fraction: float = 0.25, options: KittiOptions | None = None,
                   show_progress: bool = True) -> None:
    """Simulate ``num_frames`` labeled frames into the folder ``root`` in KITTI's layout.

    Frames that are already there are kept if the folder's stamp shows the same seed,
    options and version; a longer run may follow a shorter one.

    Args:
        val_fraction: share of the drives that go to ``ImageSets/val.txt``, spread evenly.
        workers: number of processes, or a cluster.

    Raises:
        DataError: if the folder holds something else, cannot be written, or the disk is
            full, or an option is out of range.
    """
    options = options or KittiOptions()
    if num_frames < 1 or not 0 <= val_fraction <= 1 or seed < 0:
        raise DataError(f'num_frames {num_frames}, val_fraction {val_fraction} or seed {seed} is '
                        'out of range; use at least 1 frame, a fraction of 0 to 1, a seed >= 0')
    root = Path(root)
    open_folder(root, ['ImageSets', *(f'training/{folder}' for folder in FILES)],
                {'format': 'kitti', 'version': VERSION, 'seed': seed,
                 'options': options_for_stamp(options)})
    missing = [frame for frame in range(num_frames) if not _is_complete(root, frame)]
    drives = sorted({frame // options.frames_per_drive for frame in missing})
    jobs = [[frame for frame in missing if frame // options.frames_per_drive == drive]
            for drive in drives]
    run_jobs(partial(write_drive, root, seed, options), jobs, workers,
             title='simulated frames', total=num_frames, done=num_frames - len(missing),
             show_progress=show_progress,
             failures=Failures(root, 'drive',
                               name=lambda frames: str(frames[0] // options.frames_per_drive)))
    for split, frames in split_frames(num_frames, val_fraction, options.frames_per_drive).items():
        write_lines(root / 'ImageSets' / f'{split}.txt', [f'{frame:06d}' for frame in frames])


def split_frames(num_frames: int, val_fraction: float,
                 frames_per_drive: int) -> dict[str, list[int]]:
    """Frames of train, val and trainval; whole drives, evenly spread, go to val."""
    frames = list(range(num_frames))
    drives = [frame // frames_per_drive for frame in frames]
    held_out = [int((drive + 1) * val_fraction + .5) > int(drive * val_fraction + .5)
                for drive in drives]
    return {'train': [frame for frame in frames if not held_out[frame]],
            'val': [frame for frame in frames if held_out[frame]], 'trainval': frames}


def write_drive(root: Path, seed: int, options: KittiOptions, frames: list[int]) -> int:
    """Simulate and write some frames of one drive; returns their number."""
    drive = frames[0] // options.frames_per_drive
    duration = (options.frames_per_drive - 1) / options.frame_rate
    scene = random_street(np.random.default_rng((seed, drive)), duration,
                          options.conditions.people)
    scene = options.conditions.apply(scene)
    for frame in frames:
        step = frame % options.frames_per_drive
        rng = np.random.default_rng((seed, drive, 1 + step))  # a last 0 would not count
        _write_frame(root, frame, simulate_frame(
            scene.snapshot(step / options.frame_rate), options, rng))
    return len(frames)


def simulate_frame(snapshot: Snapshot, options: KittiOptions,
                   rng: np.random.Generator) -> Frame:
    """One frame: sweep, picture, labels and road plane of the world at one instant."""
    calibration = KittiCalibration()
    lidar, camera = kitti_sensors(options, calibration)
    sweep = scan(snapshot, lidar, rng)
    picture = take_picture(snapshot, camera, rng)
    transform = lidar_from_world(snapshot, lidar.ego_from_lidar)
    sightings = []
    for state in snapshot.actors:
        view = look_at(snapshot, camera, picture, state)
        if view is not None:
            points = int((sweep.instances == state.actor.identity).sum())
            sightings.append(Sighting(state, view, points))
    return Frame(sweep, picture, label_lines(sightings, transform, calibration),
                 plane_lines(road_plane(snapshot.terrain, transform, calibration)), sightings)


def kitti_sensors(options: KittiOptions,
                  calibration: KittiCalibration) -> tuple[Lidar, Camera]:
    """The LiDAR and the left color camera of the simulated car."""
    ego_from_lidar = np.eye(4)
    ego_from_lidar[2, 3] = LIDAR_HEIGHT
    intrinsic, camera_from_lidar = calibration.color_camera()
    lidar = replace(Lidar(), azimuths=options.azimuths, field_of_view=options.lidar_field,
                    ego_from_lidar=ego_from_lidar)
    camera = Camera(intrinsic, camera_from_lidar @ inverse(ego_from_lidar),
                    width=IMAGE_SIZE[1], height=IMAGE_SIZE[0], ray_scale=options.image_scale)
    return lidar, camera


def _write_frame(root: Path, number: int, frame: Frame) -> None:
    """Write the files of a frame; the label comes last."""
    points = frame.sweep.points.astype('<f4')
    png = cv2.imencode('.png', frame.picture.image[..., ::-1],
                       [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    write_bytes_atomically(_path(root, number, 'velodyne'), points.tobytes())
    write_bytes_atomically(_path(root, number, 'image_2'), png.tobytes())
    write_lines(_path(root, number, 'calib'), KittiCalibration().lines())
    write_lines(_path(root, number, 'planes'), frame.plane)
    write_lines(_path(root, number, 'label_2'), frame.labels)


def _is_complete(root: Path, number: int) -> bool:
    return all(_path(root, number, folder).exists() for folder in FILES)


def _path(root: Path, number: int, folder: str) -> Path:
    return root / 'training' / folder / f'{number:06d}.{FILES[folder]}'
