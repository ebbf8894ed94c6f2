"""Tracks of a feather file beside the labels of the raw logs, scored as the benchmark does."""
from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from numbers import Real
from pathlib import Path

import numpy as np

from sparse3d.datasets.argoverse2.categories import CLASSES
from sparse3d.datasets.argoverse2.evaluate.box_columns import (
    BoxColumns,
    make_columns,
    rotation_of_yaw,
)
from sparse3d.datasets.argoverse2.evaluate.evaluate import LogPlace, in_region
from sparse3d.datasets.argoverse2.evaluate.map_rasters import read_region
from sparse3d.datasets.argoverse2.evaluate.tracking import (
    PlacedTracks,
    TrackedSweep,
    TrackingRules,
    evaluate_argoverse2_tracking,
)
from sparse3d.datasets.argoverse2.feather_files import QUATERNION, SIZE, TRANSLATION, stacked
from sparse3d.datasets.argoverse2.poses import EgoPoses, read_poses
from sparse3d.datasets.argoverse2.prepare.annotations import Annotations, read_annotations
from sparse3d.datasets.argoverse2.results import TRACK, read_argoverse2_submission
from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.box_conversions import lidar_to_center
from sparse3d.structures.track_files import TrackFrame
from sparse3d.transforms.data_paths import path_inside


def score_tracks(path: Path, root: Path, frames: Sequence[TrackFrame], max_range: float = 50.0,
                 region_of_interest: bool = False) -> str:
    """The table of the benchmark's tracking scores.

    Args:
        path: feather file of detections with ``track_uuid``.
        root: the raw data set, or the folder of its info files.
        frames: the sweeps that are scored.
        max_range: horizontal distance from the vehicle [m]; 50 in the benchmark.
        region_of_interest: count only boxes within 5 m of the drivable area. The official tool
            has this as an option, but looks boxes up at a wrong place where the vehicle does not
            head along x of the city; here they are looked up where they are.

    Raises:
        ConfigError: for options that are none.
        DataError: for a file without identities or with sweeps of other logs, a log without labels
            (the test split), or a damaged file.
    """
    if isinstance(max_range, bool) or not isinstance(max_range, Real) or not isfinite(max_range):
        raise ConfigError(f'max_range of the tracking scores is {max_range!r}; give meters, 50 for '
                          f'instance')
    if not isinstance(region_of_interest, bool):
        raise ConfigError(f'region_of_interest of the tracking scores is {region_of_interest!r}; '
                          f'give True or False')
    rules = TrackingRules(max_range=float(max_range))
    result = evaluate_argoverse2_tracking(
        sweeps_of_file(path, root, frames, region_of_interest), rules)
    return result.table()


def sweeps_of_file(path: Path, root: Path, frames: Sequence[TrackFrame],
                   region_of_interest: bool = False) -> list[TrackedSweep]:
    """Labels and tracks of these sweeps; see :func:`score_tracks`."""
    columns = read_argoverse2_submission(path)
    if TRACK not in columns:
        raise DataError(f'{path} has detections without identities: it lacks the column {TRACK}; '
                        f'make tracks of them with "sparse3d track"')
    tracks = make_columns(
        columns['log_id'], columns['timestamp_ns'], np.zeros(len(columns['score'])),
        stacked(columns, (*TRANSLATION, *SIZE, *QUATERNION)), columns['score'])
    _refuse_other_sweeps(tracks, frames, path)
    made = []
    for log in sorted({frame.scene for frame in frames}):
        of_log = [frame for frame in frames if frame.scene == log]
        labels = _LogLabels(root, of_log[0], region_of_interest)
        rows = np.flatnonzero(tracks.log == log)
        rows = rows[labels.counts(tracks.select(rows))]
        for frame in of_log:
            time = int(frame.info['timestamp_ns'])
            here = rows[tracks.timestamp[rows] == time]
            pred = PlacedTracks(columns[TRACK][here], columns['category'][here],
                                labels.in_city(tracks.center[here], time), tracks.score[here])
            made.append(TrackedSweep(log, time, labels.poses.at([time])[0, :2, 3],
                                     labels.at(time), pred))
    return made


class _LogLabels:
    """Labels and poses of one log."""

    def __init__(self, root: Path, frame: TrackFrame, region_of_interest: bool) -> None:
        self.folder = path_inside(root, frame.info['log_path'])
        path = self.folder / 'annotations.feather'
        if not path.is_file():
            raise DataError(f'{path} does not exist: tracks are scored beside the labels of train '
                            f'and val; those of the test split only the benchmark has')
        self.poses: EgoPoses = read_poses(self.folder)
        self.given: Annotations = read_annotations(path, self.poses)
        self.place = LogPlace(self.poses, read_region(self.folder)) if region_of_interest else None

    def at(self, time: int) -> PlacedTracks:
        rows = self.given.at(time)
        rows = rows[np.isin(self.given.categories[rows].astype(str), CLASSES)]
        boxes = lidar_to_center(self.given.boxes[rows])
        columns = make_columns(
            np.full(len(rows), self.folder.name, object), np.full(len(rows), time),
            np.zeros(len(rows)), np.column_stack([boxes[:, :6], rotation_of_yaw(boxes[:, 6])]))
        placed = PlacedTracks(self.given.tracks[rows], self.given.categories[rows],
                              self.in_city(boxes[:, :3], time), np.ones(len(rows)))
        return placed.select(self.counts(columns))

    def counts(self, boxes: BoxColumns) -> np.ndarray:
        """(N,) which boxes lie in the region."""
        return np.ones(len(boxes), bool) if self.place is None else in_region(
            boxes, self.place, self.folder.name)

    def in_city(self, centers: np.ndarray, time: int) -> np.ndarray:
        """(N, 2) in the city of centers (N, 3) in the vehicle frame of a time."""
        pose = self.poses.at([time])[0]
        return (centers @ pose[:3, :3].T + pose[:3, 3])[:, :2]


def _refuse_other_sweeps(tracks: BoxColumns, frames: Sequence[TrackFrame], path: Path) -> None:
    known = {(frame.scene, int(frame.info['timestamp_ns'])) for frame in frames}
    found = set(zip(tracks.log.tolist(), tracks.timestamp.tolist(), strict=True))
    other = sorted(found - known)
    if other:
        raise DataError(f'{path} has tracks of {len(other)} sweeps that are not scored here, '
                        f'first of the log {other[0][0]} at {other[0][1]} ns; give the info file '
                        f'of their split with --infos')
