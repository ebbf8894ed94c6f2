"""Simulated drives in the official layout of the KITTI tracking benchmark.

    root/training/{velodyne/*.bin,image_02/*.png} by sequence
    root/training/{calib,label_02,oxts}/<sequence>.txt
    root/ImageSets/{train,val}.txt                     whole sequences
    root/simulation.json

A sequence is one drive of :mod:`sparse3d.datasets.kitti.simulate.drive` at 10 frames a second. Its
label file comes last; a run that was stopped goes on with the first sequence that lacks it.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from sparse3d.atomic_files import make_folder, write_bytes_atomically
from sparse3d.datasets.kitti.simulate.calibration import LIDAR_HEIGHT, KittiCalibration
from sparse3d.datasets.kitti.simulate.drive import simulate_frame, split_frames
from sparse3d.datasets.kitti.simulate.labels import Sighting, label_lines, lidar_from_world
from sparse3d.datasets.kitti.simulate.options import KittiOptions
from sparse3d.errors import DataError
from sparse3d.parallel.pool import run_jobs
from sparse3d.simulate.conditions import options_for_stamp
from sparse3d.simulate.output_folder import open_folder, write_lines
from sparse3d.simulate.poses import inverse
from sparse3d.simulate.scene import Snapshot
from sparse3d.simulate.street import random_street

VERSION = 1  # raise whenever the same options give other frames
FOLDERS = ('velodyne', 'image_02', 'calib', 'label_02', 'oxts')
FRAME_SECONDS = 0.1                     # between two frames
_EARTH_RADIUS = 6378137.0               # [m]
_LATITUDE, _LONGITUDE = 49.0, 8.4       # of the first place [deg]
_TRUNCATION_LEVELS = (0.05, 0.5)        # from these shares on 1 and 2
_TRACKING_NAMES = {'R0_rect:': 'R_rect', 'Tr_velo_to_cam:': 'Tr_velo_cam',
                   'Tr_imu_to_velo:': 'Tr_imu_velo'}


@dataclass(frozen=True)
class _Job:
    """One sequence."""

    number: int
    frames: int

    @property
    def name(self) -> str:
        return f'{self.number:04d}'


def simulate_kitti_tracking(root: str | Path, num_frames: int, seed: int = 0, workers: int = 1,
                            val_fraction: float = 0.25, options: KittiOptions | None = None,
                            show_progress: bool = True) -> None:
    """Simulate labeled sequences into the folder ``root``.

    Args:
        num_frames: of all sequences; the last one may be shorter.
        val_fraction: share of the sequences that go to ``ImageSets/val.txt``, spread evenly.
        workers: number of processes.
        options: with ``frame_rate`` 10.

    Raises:
        DataError: as :func:`sparse3d.datasets.kitti.simulate.drive.simulate_kitti`, and for another
            rate: the layout has no times.
    """
    options = options or KittiOptions(frames_per_drive=40, frame_rate=1 / FRAME_SECONDS)
    if num_frames < 1 or not 0 <= val_fraction <= 1 or seed < 0:
        raise DataError(f'num_frames {num_frames}, val_fraction {val_fraction} or seed {seed} is '
                        'out of range; use at least 1 frame, a fraction of 0 to 1, a seed >= 0')
    if abs(options.frame_rate * FRAME_SECONDS - 1) > 1e-9:
        raise DataError(f'frame_rate is {options.frame_rate:g}; the tracking layout of KITTI has '
                        f'no times, its frames are {1 / FRAME_SECONDS:g} a second')
    root, length = Path(root), options.frames_per_drive
    open_folder(root, ['ImageSets', *(f'training/{folder}' for folder in FOLDERS)],
                {'format': 'kitti_tracking', 'version': VERSION, 'seed': seed,
                 'options': options_for_stamp(options)})
    jobs = [_Job(number, min(length, num_frames - number * length))
            for number in range(-(-num_frames // length))]
    missing = [job for job in jobs if not _is_complete(root, job)]
    run_jobs(partial(write_sequence, root, seed, options), missing, workers,
             title='simulated frames', total=num_frames,
             done=num_frames - sum(job.frames for job in missing), show_progress=show_progress)
    for split, frames in split_frames(num_frames, val_fraction, length).items():
        if split != 'trainval':
            write_lines(root / 'ImageSets' / f'{split}.txt',
                        sorted({f'{frame // length:04d}' for frame in frames}))


def write_sequence(root: Path, seed: int, options: KittiOptions, job: _Job) -> int:
    """Simulate and write one sequence; returns the number of its frames."""
    scene = options.conditions.apply(random_street(
        np.random.default_rng((seed, job.number)),
        (options.frames_per_drive - 1) / options.frame_rate, options.conditions.people))
    training, calibration = root / 'training', KittiCalibration()
    for folder in ('velodyne', 'image_02'):
        make_folder(training / folder / job.name)
    labels, places = [], []
    for step in range(job.frames):
        snapshot = scene.snapshot(step / options.frame_rate)
        frame = simulate_frame(snapshot, options,
                               np.random.default_rng((seed, job.number, 1 + step)))
        png = cv2.imencode('.png', frame.picture.image[..., ::-1],
                           [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
        write_bytes_atomically(training / 'velodyne' / job.name / f'{step:06d}.bin',
                               frame.sweep.points.astype('<f4').tobytes())
        write_bytes_atomically(training / 'image_02' / job.name / f'{step:06d}.png',
                               png.tobytes())
        labels += tracked_lines(step, frame.sightings, snapshot, calibration)
        places.append(oxts_line(snapshot, calibration))
    write_lines(training / 'calib' / f'{job.name}.txt', calibration_lines(calibration))
    write_lines(training / 'oxts' / f'{job.name}.txt', places)
    write_lines(training / 'label_02' / f'{job.name}.txt', labels)
    return job.frames


def tracked_lines(number: int, sightings: list[Sighting], snapshot: Snapshot,
                  calibration: KittiCalibration) -> list[str]:
    """Lines of a frame in a label file of the tracking benchmark; ids count from 0."""
    ego_from_lidar = np.eye(4)
    ego_from_lidar[2, 3] = LIDAR_HEIGHT
    transform = lidar_from_world(snapshot, ego_from_lidar)
    lines = []
    for sighting in sightings:  # one at a time, so that a line is known to be whose
        for line in label_lines([sighting], transform, calibration):
            kind, share, *rest = line.split(' ')
            known = kind != 'DontCare'
            level = str(sum(float(share) >= limit for limit in _TRUNCATION_LEVELS)) if known \
                else '-1'
            track = sighting.state.actor.identity if known else -1
            lines.append(' '.join([str(number), str(track), kind, level, *rest]))
    return lines


def calibration_lines(calibration: KittiCalibration) -> list[str]:
    """A calibration file as the tracking benchmark has it: other names, some without a colon."""
    lines = []
    for line in calibration.lines():
        name, _, rest = line.partition(' ')
        lines.append(f'{_TRACKING_NAMES.get(name, name)} {rest}'.strip())
    return lines


def oxts_line(snapshot: Snapshot, calibration: KittiCalibration) -> str:
    """Place and heading of the inertial unit; velocities and accuracies are 0.

    The world's x is east, y north; the inverse of the projection of
    :mod:`sparse3d.datasets.kitti.prepare.oxts`, whose scale is that of the first line: drives are
    short enough for one scale.
    """
    ego_from_lidar, lidar_from_imu = np.eye(4), np.eye(4)
    ego_from_lidar[2, 3] = LIDAR_HEIGHT
    lidar_from_imu[:3] = calibration.lidar_from_imu
    pose = inverse(lidar_from_world(snapshot, ego_from_lidar))
    pose = np.einsum('ij,jk->ik', pose, lidar_from_imu)
    scale = np.cos(np.radians(_LATITUDE)) * _EARTH_RADIUS
    north = np.log(np.tan(np.pi / 4 + np.radians(_LATITUDE) / 2))
    latitude = 2 * np.degrees(np.arctan(np.exp(north + pose[1, 3] / scale))) - 90
    longitude = _LONGITUDE + np.degrees(pose[0, 3] / scale)
    yaw = np.arctan2(pose[1, 0], pose[0, 0])
    numbers = [f'{latitude:.13f}', f'{longitude:.13f}', f'{pose[2, 3]:.6f}', '0', '0',
               f'{yaw:.9f}', *['0'] * 24]
    return ' '.join(numbers)


def _is_complete(root: Path, job: _Job) -> bool:
    training = root / 'training'
    places = training / 'oxts' / f'{job.name}.txt'
    return ((training / 'label_02' / f'{job.name}.txt').is_file() and places.is_file()
            and len(places.read_text().splitlines()) == job.frames
            and all((training / kind / job.name / f'{step:06d}.{ending}').is_file()
                    for step in range(job.frames)
                    for kind, ending in (('velodyne', 'bin'), ('image_02', 'png'))))
