"""Simulated drives in the official layout of the Argoverse 2 sensor data set.

    root/sensor/{train,val}/<log>/annotations.feather, city_SE3_egovehicle.feather
                                  calibration/, map/, sensors/lidar/, sensors/cameras/
    root/simulation.json     version, seed and options that decide the content of the logs

A log is one street and one drive; every fourth is for validation. It depends on the seed, the
options and its number alone. The labels of a log are written last: a log that has them is
complete, and a run that was stopped goes on with the next one, to the same bytes.
"""
from __future__ import annotations

import uuid
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from sparse3d.atomic_files import make_folder, write_bytes_atomically
from sparse3d.datasets.argoverse2.feather_files import write_feather
from sparse3d.datasets.argoverse2.simulate.maps import write_map
from sparse3d.datasets.argoverse2.simulate.options import Argoverse2Options
from sparse3d.datasets.argoverse2.simulate.rig import (
    CAMERAS,
    build_camera,
    calibration_tables,
    pose_columns,
    simulator_from_vehicle,
)
from sparse3d.datasets.argoverse2.simulate.sweep import label_sweep, scan_both
from sparse3d.errors import DataError
from sparse3d.parallel.executors import Workers
from sparse3d.parallel.failures import Failures
from sparse3d.parallel.pool import run_jobs
from sparse3d.simulate.camera import take_picture
from sparse3d.simulate.output_folder import open_folder
from sparse3d.simulate.poses import pose
from sparse3d.simulate.scene import Scene
from sparse3d.simulate.street import Extent, random_street

VERSION = 1                         # raise whenever the same options give other files
EPOCH = 315_970_000_000_000_000     # time of the first log [ns]
LOG_SPACING = 3_600_000_000_000     # [ns]
VISIBLE = 220.0                     # actors farther away are not simulated [m]
FAR_AWAY = 5000.0                   # how far from the origin of the city a street lies [m]
_NAMESPACE = uuid.UUID('6f1d7c1e-52a7-4f7e-9a53-0d6a1d0f9a10')


def simulate_argoverse2(root: str | Path, num_logs: int = 8, seed: int = 0, workers: Workers = 1,
                        options: Argoverse2Options | None = None,
                        show_progress: bool = True) -> None:
    """Simulate ``num_logs`` labeled logs into the folder ``root``.

    Logs that are already there are kept if the folder's stamp shows the same seed, options and
    version; a longer run may follow a shorter one.

    Args:
        workers: number of processes, or a cluster.

    Raises:
        DataError: if the folder holds something else, cannot be written, or the disk is full, or
            an option is out of range.
    """
    options = options or Argoverse2Options()
    if num_logs < 1 or seed < 0:
        raise DataError(f'num_logs {num_logs} or seed {seed} is out of range; use at least 1 log '
                        f'and a seed >= 0')
    root = Path(root)
    open_folder(root, ['sensor'], {'format': 'argoverse2', 'version': VERSION, 'seed': seed,
                                   'options': options.stamp()})
    missing = [number for number in range(num_logs)
               if not (log_folder(root, seed, number) / 'annotations.feather').is_file()]
    run_jobs(partial(write_log, root, seed, options), missing, workers, title='simulated sweeps',
             total=num_logs * options.sweeps, done=(num_logs - len(missing)) * options.sweeps,
             show_progress=show_progress,
             failures=Failures(root, 'log'))


def split_of(number: int) -> str:
    """Split of a log."""
    return 'val' if number % 4 == 3 else 'train'


def log_name(seed: int, number: int) -> str:
    """Name of a log, in the form of the real ones."""
    return str(uuid.uuid5(_NAMESPACE, f'{seed}/{number}'))


def log_folder(root: Path, seed: int, number: int) -> Path:
    """Folder of a log."""
    return root / 'sensor' / split_of(number) / log_name(seed, number)


def write_log(root: Path, seed: int, options: Argoverse2Options, number: int) -> int:
    """Simulate and write one log; returns the number of its sweeps."""
    folder, duration = log_folder(root, seed, number), options.sweeps / options.sweep_rate
    for name in ('sensors/lidar', 'calibration', 'map',
                 *(f'sensors/cameras/{camera}' for camera in CAMERAS if options.image_width)):
        make_folder(folder / name)
    extent = extent_of(options.reach)
    scene = random_street(np.random.default_rng((seed, number)), duration,
                          options.conditions.people, extent)
    scene = options.conditions.apply(scene)
    place = np.random.default_rng((seed, number, 1, 1))
    where = np.append(FAR_AWAY * place.uniform(-1, 1, 2), place.uniform(0, 100))
    city_from_world = pose(where, float(place.uniform(-np.pi, np.pi)))
    times = [step / options.sweep_rate for step in range(options.sweeps)]
    labels, seen = [], set()
    for step, time in enumerate(times):
        rng = np.random.default_rng((seed, number, 2, 1 + step))
        snapshot = scene.snapshot(time, VISIBLE)
        sweep = scan_both(snapshot, options.azimuths, rng)
        write_feather(folder / f'sensors/lidar/{stamp(number, time)}.feather', sweep)
        labels += [dict(row, timestamp_ns=stamp(number, time))
                   for row in label_sweep(snapshot, sweep, seen)]
        for camera in CAMERAS if options.image_width else ():
            picture = take_picture(snapshot, build_camera(camera, options.image_width), rng)
            jpeg = cv2.imencode('.jpg', picture.image[..., ::-1],
                                [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
            write_bytes_atomically(
                folder / f'sensors/cameras/{camera}/{stamp(number, time)}.jpg', jpeg.tobytes())
    for name, table in calibration_tables(options.image_width).items():
        write_feather(folder / 'calibration' / f'{name}.feather', table)
    write_map(folder / 'map', folder.name, scene.terrain,
              (-extent.behind, extent.ahead + scene.ego.speed * duration), city_from_world)
    write_feather(folder / 'city_SE3_egovehicle.feather',
                  _poses(scene, city_from_world, number, times))
    write_feather(folder / 'annotations.feather', _annotations(labels, folder.name))
    return options.sweeps


def extent_of(reach: float) -> Extent:
    """The world of a street of this reach [m]."""
    return Extent() if reach == Extent.ahead else Extent(reach, reach, reach)


def stamp(number: int, time: float) -> int:
    """Time stamp of a moment of a log [ns]."""
    return EPOCH + number * LOG_SPACING + round(time * 1e9)


def _poses(scene: Scene, city_from_world: np.ndarray, number: int,
           times: list[float]) -> dict[str, np.ndarray]:
    matrices = np.array([np.einsum('ij,jk,kl->il', city_from_world, scene.world_from_ego(time),
                                   simulator_from_vehicle()) for time in times])
    stamps = np.array([stamp(number, time) for time in times], np.int64)
    return dict(timestamp_ns=stamps, **pose_columns(matrices))


def _annotations(labels: list[dict], log: str) -> dict[str, np.ndarray]:
    tracks = [str(uuid.uuid5(_NAMESPACE, f'{log}/{row["actor"]}')) for row in labels]
    numbers = {name: np.array([row[name] for row in labels], np.float64) for name in (
        'length_m', 'width_m', 'height_m', 'qw', 'qx', 'qy', 'qz', 'tx_m', 'ty_m', 'tz_m')}
    return dict(
        timestamp_ns=np.array([row['timestamp_ns'] for row in labels], np.int64),
        track_uuid=np.array(tracks, object),
        category=np.array([row['category'] for row in labels], object), **numbers,
        num_interior_pts=np.array([row['num_interior_pts'] for row in labels], np.int64))
