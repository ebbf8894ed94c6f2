"""Simulated drives in both published formats of the Waymo Open Dataset.

    root/{training,validation}/segment-*_with_camera_labels.tfrecord    v1
    root/{training,validation}/<component>/<segment>.parquet            v2
    root/simulation.json     version, seed and options that decide the content

A segment is one street and one drive, for training or for validation. Five LiDARs give range
images with two returns, TOP with the pose of every pixel; five cameras, which can be left
out; boxes with tracks, speeds and point counts; 14 joints of people; one no-label zone. A
segment depends on the seed, the options and its number alone, and is there as a whole or
not at all: a run that was stopped goes on where it stopped, to the same content.
"""
from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np

from sparse3d.datasets.waymo.frame import WaymoFrame
from sparse3d.datasets.waymo.simulate.frames import SegmentSimulator
from sparse3d.datasets.waymo.simulate.options import FORMATS, WaymoOptions
from sparse3d.datasets.waymo.simulate.scan import TURN, Rig
from sparse3d.datasets.waymo.simulate.v1 import v1_path, write_v1
from sparse3d.datasets.waymo.simulate.v2 import v2_path, write_v2
from sparse3d.errors import DataError
from sparse3d.parallel.executors import Workers
from sparse3d.parallel.failures import Failures
from sparse3d.parallel.pool import run_jobs
from sparse3d.simulate.conditions import options_for_stamp
from sparse3d.simulate.output_folder import open_folder
from sparse3d.simulate.street import random_street

VERSION = 1  # raise whenever the same options give other files
SPLITS = ('training', 'validation')


def simulate_waymo(root: str | Path, num_segments: int = 4, seed: int = 0, workers: Workers = 1,
                   options: WaymoOptions | None = None, show_progress: bool = True) -> None:
    """Simulate ``num_segments`` labeled segments into the folder ``root``.

    Segments that are already there are kept if the folder's stamp shows the same seed,
    options and version; a longer run may follow a shorter one.

    Args:
        workers: number of processes, each simulates one segment at a time; or a cluster.

    Raises:
        DataError: if the folder holds something else, cannot be written, or the disk is
            full, or an option is out of range.
    """
    options = options or WaymoOptions()
    if num_segments < 1 or seed < 0:
        raise DataError(f'num_segments {num_segments} or seed {seed} is out of range; use at '
                        f'least 1 segment and a seed >= 0')
    root = Path(root)
    open_folder(root, list(SPLITS), {'format': 'waymo', 'version': VERSION, 'seed': seed,
                                     'options': options_for_stamp(options)})
    missing = [number for number in range(num_segments)
               if not _is_complete(root, seed, number, options)]
    run_jobs(partial(write_segment, root, seed, options), missing, workers,
             title='simulated frames', total=num_segments * options.frames,
             done=(num_segments - len(missing)) * options.frames, show_progress=show_progress,
             failures=Failures(root, 'segment'))


def write_segment(root: Path, seed: int, options: WaymoOptions, number: int) -> int:
    """Simulate and write one segment; returns the number of its frames."""
    name, folder = context_name(seed, number, options), root / split_of(number, options)
    frames: Iterable[WaymoFrame] = segment_frames(seed, number, options)
    for version in FORMATS[options.format]:
        frames = (write_v1 if version == 'v1' else write_v2)(folder, name, frames)
    return sum(1 for _ in frames)


def segment_frames(seed: int, number: int, options: WaymoOptions) -> Iterable[WaymoFrame]:
    """The frames of a segment, one after the other."""
    duration = options.frames / options.frame_rate + TURN
    scene = random_street(np.random.default_rng((seed, number)), duration,
                          options.conditions.people)
    simulator = SegmentSimulator(
        options.conditions.apply(scene), context_name(seed, number, options), (seed, number),
        Rig(options.columns, options.image_width, options.projections), options.frame_rate,
        options.conditions.describe())
    return simulator.frames(options.frames)


def split_of(number: int, options: WaymoOptions) -> str:
    """Folder of a segment; those for validation are spread evenly."""
    share = options.val_fraction
    return SPLITS[int((number + 1) * share + .5) > int(number * share + .5)]


def context_name(seed: int, number: int, options: WaymoOptions) -> str:
    """Name of a segment as Waymo's: 19 digits, then when it begins and ends in its log."""
    digest = hashlib.md5(f'segment/{seed}/{number}'.encode(), usedforsecurity=False).digest()
    digits = int.from_bytes(digest[:8], 'big') % 9 * 10**18 + int.from_bytes(digest[8:], 'big') \
        % 10**18 + 10**18
    return f'{digits}_{20 * number}_000_{20 * number + round(options.seconds)}_000'


def _is_complete(root: Path, seed: int, number: int, options: WaymoOptions) -> bool:
    name, folder = context_name(seed, number, options), root / split_of(number, options)
    return all((v1_path if version == 'v1' else v2_path)(folder, name).is_file()
               for version in FORMATS[options.format])
