"""Simulated drives in the layout of nuScenes, for the nuscenes-devkit.

    root/{samples,sweeps}/<CHANNEL>/*    six cameras (jpg) and LIDAR_TOP (pcd.bin)
    root/v1.0-mini/*.json                the tables; v1.0-trainval from 11 scenes on
    root/maps/blank.png
    root/simulation.json                 version, seed and options that decide the content
    root/.simulation/                    what has been simulated; needed to go on

A scene is one street and one drive; every fifth scene is for validation and has the name of
a scene of the official validation split, the others have names of the training split.
A scene depends on the seed, the options and its number alone. A run that was stopped goes
on where it stopped, key frame by key frame, to the same bytes.
"""
from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.datasets.nuscenes.simulate.block import START, BlockWriter, record_path
from sparse3d.datasets.nuscenes.simulate.options import NuScenesOptions
from sparse3d.datasets.nuscenes.simulate.rig import CHANNELS
from sparse3d.datasets.nuscenes.simulate.tables import MAP_FILE, build_tables
from sparse3d.datasets.nuscenes.splits import official_splits
from sparse3d.errors import DataError
from sparse3d.parallel.executors import Workers
from sparse3d.parallel.failures import Failures
from sparse3d.parallel.pool import run_jobs
from sparse3d.simulate.conditions import options_for_stamp
from sparse3d.simulate.output_folder import open_folder
from sparse3d.simulate.street import random_street
from sparse3d.transforms.point_files import read_bytes

VERSION = 1       # raise whenever the same options give other files
MINI_SCENES = 10  # as many as v1.0-mini has
MOST_SCENES = 750
SAMPLES_PER_JOB = 20  # a street takes seconds to build; progress is counted in jobs


def simulate_nuscenes(root: str | Path, num_scenes: int = 10, seed: int = 0, workers: Workers = 1,
                      options: NuScenesOptions | None = None, show_progress: bool = True) -> str:
    """Simulate ``num_scenes`` annotated scenes into the folder ``root``.

    Key frames that are already there are kept if the folder's stamp shows the same seed,
    options and version.

    Args:
        workers: number of processes, or a cluster.

    Returns:
        The version of the tables, ``'v1.0-mini'`` up to 10 scenes, else ``'v1.0-trainval'``.

    Raises:
        DataError: if the folder holds something else, cannot be written, or the disk is
            full, or an option is out of range.
    """
    options = options or NuScenesOptions()
    if not 1 <= num_scenes <= MOST_SCENES or seed < 0:
        raise DataError(f'num_scenes {num_scenes} or seed {seed} is out of range; use 1 to '
                        f'{MOST_SCENES} scenes and a seed >= 0')
    root = Path(root)
    version = 'v1.0-mini' if num_scenes <= MINI_SCENES else 'v1.0-trainval'
    folders = [f'{kind}/{channel}' for kind in ('samples', 'sweeps') for channel in CHANNELS]
    open_folder(root, ['.simulation', 'maps', version, *folders],
                {'format': 'nuscenes', 'version': VERSION, 'seed': seed,
                 'options': options_for_stamp(options)})
    jobs = _missing(root, num_scenes, options)
    total, left = num_scenes * options.samples, sum(len(samples) for _, samples in jobs)
    run_jobs(partial(write_samples, root, seed, options), jobs, workers,
             title='simulated samples', total=total, done=total - left,
             show_progress=show_progress,
             failures=Failures(root, 'scene'))
    _write_tables(root, version, num_scenes, seed, options)
    return version


def write_samples(root: Path, seed: int, options: NuScenesOptions,
                  job: tuple[int, list[int]]) -> int:
    """Simulate and write some key frames of one scene; returns their number."""
    number, samples = job
    scene = random_street(np.random.default_rng((seed, number)), START + options.seconds,
                          options.conditions.people)
    scene = options.conditions.apply(scene)
    writer = BlockWriter(root, scene, number, options.lidar_rate, options.camera_rate,
                         options.azimuths, options.image_width, seed)
    for sample in samples:
        writer.write(sample)
    return len(samples)


def scene_names(num_scenes: int) -> list[str]:
    """Names of the scenes, from the official splits; every fifth validates."""
    splits, prefix = official_splits(), 'mini_' if num_scenes <= MINI_SCENES else ''
    train, val = iter(splits[f'{prefix}train']), iter(splits[f'{prefix}val'])
    return [next(val if number % 5 == 1 else train) for number in range(num_scenes)]


def _missing(root: Path, num_scenes: int, options: NuScenesOptions) -> list[tuple[int, list[int]]]:
    """Scenes with key frames that are not there yet, some at a time."""
    jobs = []
    for scene in range(num_scenes):
        samples = [sample for sample in range(options.samples)
                   if not record_path(root, scene, sample).exists()]
        jobs += [(scene, samples[start:start + SAMPLES_PER_JOB])
                 for start in range(0, len(samples), SAMPLES_PER_JOB)]
    return jobs


def _write_tables(root: Path, version: str, num_scenes: int, seed: int,
                  options: NuScenesOptions) -> None:
    names = scene_names(num_scenes)
    blocks = {name: [_read_record(record_path(root, number, sample))
                     for sample in range(options.samples)]
              for number, name in enumerate(names)}
    numbers = {name: number for number, name in enumerate(names)}
    blank = cv2.imencode('.png', np.zeros((64, 64), dtype=np.uint8))[1]
    write_bytes_atomically(root / MAP_FILE, blank.tobytes())
    tables = build_tables(blocks, numbers, seed, options.image_width)
    for scene in tables['scene']:
        scene['description'] = options.conditions.sentence(scene['description'])
    for name, rows in tables.items():
        write_bytes_atomically(root / version / f'{name}.json', json.dumps(rows).encode())


def _read_record(path: Path) -> dict:
    try:
        return json.loads(read_bytes(path))
    except ValueError as error:
        raise DataError(f'{path} is damaged ({error}); remove it and run again to simulate that '
                        f'key frame anew') from error
