"""Tracks in the format of Waymo's 3D tracking challenge: a submission whose objects have ids."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.atomic_files import make_folder
from sparse3d.datasets.waymo.frame import TYPE_NAMES
from sparse3d.datasets.waymo.results import _CLASSES, to_waymo, write_detection_submission
from sparse3d.errors import DataError
from sparse3d.structures.track_files import (
    FrameTracks,
    TrackFormat,
    TrackFrame,
    labeled_tracks,
    register_tracks,
)
from sparse3d.structures.tracks import Tracks, register_tracks_format

CLASS_NAMES = tuple(_CLASSES.values())
_TYPES = {shown: TYPE_NAMES.index(name) for name, shown in _CLASSES.items()}
_MICROSECONDS = 1e6


def tracks_to_waymo(tracks: Tracks) -> dict[str, np.ndarray]:
    """What :func:`~sparse3d.datasets.waymo.results.to_waymo` gives, and ``ids`` (N,)."""
    return dict(to_waymo(tracks.detections), ids=tracks.ids)


def write_tracks(frames: Sequence[FrameTracks], path: Path, source: Path | None) -> None:
    """A ``Submission`` for 3D tracking (``.bin``).

    Raises:
        DataError: for another ending, or if the file cannot be written.
    """
    if path.suffix.lower() != '.bin':
        raise DataError(f'tracks of Waymo are written as .bin, not as {path.name}')
    make_folder(path.parent)
    write_detection_submission(path, [_frame(frame, tracks) for frame, tracks in frames])


def _frame(frame: TrackFrame, tracks: Tracks) -> dict[str, Any]:
    made = tracks_to_waymo(tracks)
    return dict(name=(frame.scene, int(frame.info['timestamp'])), box=made['boxes'],
                type=[_TYPES[name] for name in tracks.names], score=made['scores'],
                id=made['ids'])


def track_frame(entry: Mapping[str, Any]) -> TrackFrame:
    """A frame from its entry of an info file; the LiDAR frame is that of the vehicle."""
    pose = np.array(entry['ego2global'], np.float64)
    return TrackFrame(
        Path(entry['lidar_points']['lidar_path']).stem, entry['context_name'],
        entry['timestamp'] / _MICROSECONDS, pose,
        dict(entry, lidar2global=pose, lidar_path=entry['lidar_points']['lidar_path']))


def labels(entry: Mapping[str, Any]) -> Tracks | None:
    """Labeled objects with points."""
    items = entry.get('instances', ())
    if 'instances' not in entry or not all('track_id' in item for item in items):
        return None
    return labeled_tracks([item['bbox_3d'] for item in items],
                          [CLASS_NAMES[item['bbox_label_3d']] for item in items],
                          [item['track_id'] for item in items], CLASS_NAMES)


register_tracks_format('waymo', tracks_to_waymo)
register_tracks('waymo', TrackFormat(
    'a submission of Waymo for 3D tracking (.bin)', CLASS_NAMES, track_frame, write_tracks,
    labels,
    no_score='MOTA of Waymo waits for numbers of the official program to be compared with; the '
             'written file is what that program and the server read', suffix='.bin'))
