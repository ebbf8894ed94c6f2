"""Tracks in the columns of Argoverse 2: a submission of detections with ``track_uuid``."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.atomic_files import make_folder
from sparse3d.datasets.argoverse2.categories import CLASSES
from sparse3d.datasets.argoverse2.evaluate.stored_tracks import score_tracks
from sparse3d.datasets.argoverse2.feather_files import Columns, write_feather
from sparse3d.datasets.argoverse2.results import TRACK, submission_columns
from sparse3d.errors import DataError
from sparse3d.structures.track_files import (
    FrameTracks,
    TrackFormat,
    TrackFrame,
    labeled_tracks,
    register_tracks,
)
from sparse3d.structures.tracks import Tracks, register_tracks_format


def tracks_to_argoverse2(tracks: Tracks, log_id: str = '', timestamp_ns: int = 0) -> Columns:
    """Rows of one sweep; see :func:`~sparse3d.datasets.argoverse2.results.submission_columns`.

    Raises:
        DataError: for a category that Argoverse 2 does not have.
    """
    finite = np.isfinite(tracks.boxes_3d[:, :7]).all(axis=1) & np.isfinite(tracks.scores) & (
        tracks.boxes_3d[:, 3:6] > 0).all(axis=1)
    kept = tracks[finite]
    columns = submission_columns(kept.boxes_3d, kept.scores, kept.names, log_id, timestamp_ns)
    return dict(columns, **{TRACK: np.array([str(one) for one in kept.ids], dtype=object)})


def write_tracks(frames: Sequence[FrameTracks], path: Path, source: Path | None) -> None:
    """One feather file.

    Raises:
        DataError: for another ending, or if the file cannot be written.
    """
    if path.suffix.lower() != '.feather':
        raise DataError(f'tracks of Argoverse 2 are written as .feather, not as {path.name}')
    parts = [tracks_to_argoverse2(tracks, frame.scene, int(frame.info['timestamp_ns']))
             for frame, tracks in frames]
    make_folder(path.parent)
    write_feather(path, {name: np.concatenate([part[name] for part in parts])
                         for name in parts[0]})


def track_frame(entry: Mapping[str, Any]) -> TrackFrame:
    """A sweep from its entry of an info file; the LiDAR frame is that of the vehicle."""
    pose = np.array(entry['ego2global'], np.float64)
    return TrackFrame(
        str(entry['token']), entry['log_id'], entry['timestamp_ns'] * 1e-9, pose,
        dict(entry, lidar2global=pose, lidar_path=entry['lidar_points']['lidar_path']))


def labels(entry: Mapping[str, Any]) -> Tracks | None:
    """Labeled objects of the classes of the benchmark."""
    items = [item for item in entry.get('instances', ()) if item['bbox_label_3d'] >= 0]
    if 'instances' not in entry or not all('track_id' in item for item in items):
        return None
    return labeled_tracks([item['bbox_3d'] for item in items],
                          [CLASSES[item['bbox_label_3d']] for item in items],
                          [item['track_id'] for item in items], CLASSES)


register_tracks_format('argoverse2', tracks_to_argoverse2)
register_tracks('argoverse2', TrackFormat(
    'detections of Argoverse 2 with track_uuid (.feather)', CLASSES, track_frame, write_tracks,
    labels, score_tracks, score_options=('max_range', 'region_of_interest'), suffix='.feather'))
