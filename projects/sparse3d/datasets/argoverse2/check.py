"""Checks of a prepared Argoverse 2: files, counts, boxes against points, poses."""
from __future__ import annotations

import os
from collections import Counter
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from sparse3d.datasets.argoverse2.categories import CLASSES
from sparse3d.datasets.argoverse2.load_points import COLUMNS, read_sweep
from sparse3d.datasets.argoverse2.prepare.log import interior_points
from sparse3d.datasets.argoverse2.prepare.preparation import DATABASE_INDEX
from sparse3d.errors import DataError
from sparse3d.preparation.check_report import CheckReport
from sparse3d.preparation.checks import (
    check_content,
    check_prepared,
    judge_median,
    judge_without_points,
    some_of,
)
from sparse3d.transforms.data_paths import absent_files, path_inside

FRAMES_TO_READ = 100       # per split
_FASTEST = 60.0            # of the vehicle [m/s]
_LONGEST_GAP = 0.25        # between two frames of a log [s]; they are 0.1 s apart
_LEAST_MEDIAN_SHARE = 0.9  # of the counted points that a box has to hold
_WELL_SEEN = 20            # points


def check_argoverse2(root: str | os.PathLike, frames_to_read: int = FRAMES_TO_READ) -> CheckReport:
    """Check what :func:`prepare_argoverse2` wrote to ``root`` (its ``out``).

    Looks for every file that is named, reads some sweeps of each split and recounts the points in
    their boxes, follows the poses of the vehicle.

    Args:
        frames_to_read: per split, at most.
    """
    return check_prepared(Path(root), 'argoverse2', 'Argoverse 2',
                          partial(_check_split, frames_to_read),
                          databases={DATABASE_INDEX: len(COLUMNS)})


def _check_split(frames_to_read: int, info: dict, root: Path, split: str,
                 report: CheckReport) -> None:
    frames = info['data_list']
    stamp = info['metainfo'].get('stamp', {})
    logs = {frame['log_id'] for frame in frames}
    report.fact(f'{split}: {len(frames)} frames of {len(logs)} logs, '
                f'source: {stamp.get("source", "not stamped")}')
    check_content(split, frames, report)
    _describe_objects(frames, split, report)
    _check_files(frames, root, split, report)
    _check_motion(frames, split, report)
    _check_points(some_of(frames, frames_to_read), root, split, report)


def _describe_objects(frames: list[dict], split: str, report: CheckReport) -> None:
    objects = [item for frame in frames for item in frame.get('instances', [])]
    if not objects:
        report.fact(f'{split}: no labels')
        return
    counts = Counter(item['bbox_label_3d'] for item in objects)
    names = ', '.join(f'{name} {counts[label]}' for label, name in enumerate(CLASSES)
                      if counts[label])
    tracks = len({item['track_id'] for item in objects})
    report.fact(f'{split}: {names}; {counts[-1]} of other categories; {tracks} tracks')
    strange = {label for label in counts if not -1 <= label < len(CLASSES)}
    report.problems_of(f'labels of {split} are of no class', [str(label) for label in strange])
    flat = [str(item['track_id']) for item in objects if min(item['bbox_3d'][3:6]) <= 0]
    report.problems_of(f'boxes of {split} have a size of 0 or less', flat)
    judge_without_points(sum(item['num_lidar_pts'] == 0 for item in objects), len(objects), split,
                         report)


def _check_files(frames: list[dict], root: Path, split: str, report: CheckReport) -> None:
    named = {frame['lidar_points']['lidar_path']: None for frame in frames}
    named |= {sweep['lidar_points']['lidar_path']: None for frame in frames
              for sweep in frame['lidar_sweeps']}
    images = [image['img_path'] for frame in frames for image in frame['images'].values()]
    for what, names in (('sweeps', named), ('pictures', images)):
        paths = [path_inside(root, name) for name in names]
        report.problems_of(f'{what} of {split} are missing', list(map(str, absent_files(paths))))
    count = Counter(frame['token'] for frame in frames)
    report.problems_of(f'frames of {split} are there twice',
                       [name for name, times in count.items() if times > 1])
    cameras = Counter(name for frame in frames for name in frame['images'])
    report.fact(f'{split}: ' + (', '.join(f'{name} {number}' for name, number in cameras.items())
                                or 'no pictures'))


def _check_motion(frames: list[dict], split: str, report: CheckReport) -> None:
    """Times rise and the vehicle moves as vehicles do."""
    backwards, jumps, gaps = [], [], 0
    for before, frame in pairwise(frames):
        if frame['log_id'] != before['log_id']:
            continue
        seconds = (frame['timestamp_ns'] - before['timestamp_ns']) * 1e-9
        if seconds <= 0:
            backwards.append(frame['token'])
            continue
        gaps += seconds > _LONGEST_GAP
        step = np.subtract(frame['ego2global'], before['ego2global'])[:3, 3]
        if np.linalg.norm(step) > _FASTEST * seconds:
            jumps.append(frame['token'])
    report.problems_of(f'frames of {split} are not later than the one before', backwards)
    report.problems_of(f'poses of {split} jump faster than {_FASTEST:g} m/s', jumps)
    if gaps:
        report.fact(f'{split}: {gaps} gaps of more than {_LONGEST_GAP:g} s between frames of a '
                    f'log')


def _check_points(frames: list[dict], root: Path, split: str, report: CheckReport) -> None:
    damaged, shares, counts, farthest = [], [], [], 0.0
    for frame in frames:
        try:
            points = read_sweep(path_inside(root, frame['lidar_points']['lidar_path']))
        except DataError as error:
            damaged.append(str(error))
            continue
        counts.append(len(points))
        farthest = max(farthest, float(np.abs(points[:, :2]).max(initial=0)))
        seen = [item for item in frame.get('instances', [])
                if item['num_lidar_pts'] >= _WELL_SEEN]
        found = interior_points(points, np.array([item['bbox_3d'] for item in seen]).reshape(-1, 7))
        shares += [count / item['num_lidar_pts'] for count, item in zip(found, seen, strict=True)]
    report.problems_of(f'sweeps of {split} are unusable', damaged)
    if counts:
        report.fact(f'{split}: {int(np.median(counts))} points a frame, at most {farthest:.1f} m '
                    f'ahead or aside ({len(counts)} frames read)')
    judge_median(shares, split, _LEAST_MEDIAN_SHARE, report,
                 'boxes hold {median:.2f} of the points that were counted in them',
                 f'boxes of {split} do not hold their points: another yaw, size order, reference '
                 f'point or frame')
