"""Tracks in the format of the nuScenes tracking task."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.datasets.nuscenes.evaluate.tracking import evaluate_nuscenes_tracking
from sparse3d.datasets.nuscenes.evaluate.tracking_boxes import TRACKING_CLASSES
from sparse3d.datasets.nuscenes.prepare.tables import find_version, open_tables
from sparse3d.datasets.nuscenes.results import (
    MAX_BOXES,
    make_submission,
    write_nuscenes_submission,
)
from sparse3d.errors import DataError
from sparse3d.structures.box_conversions import lidar_to_nuscenes
from sparse3d.structures.track_files import FrameTracks, TrackFormat, register_tracks
from sparse3d.structures.tracks import Tracks
from sparse3d.transforms.camera_history import lidar2global
from sparse3d.transforms.text_files import read_json


def tracks_to_nuscenes(tracks: Tracks, sample_token: str, pose: np.ndarray) -> list[dict]:
    """Records of one sample, as the devkit's ``TrackingEval`` reads them: the best 500.

    Args:
        tracks: in the LiDAR frame.
        sample_token: of the sample.
        pose: (4, 4) ``lidar2global``.

    Raises:
        DataError: for a class that the tracking task does not have.
    """
    other = next((name for name in tracks.names if name not in TRACKING_CLASSES), None)
    if other is not None:
        raise DataError(f'the class {other!r} is none of the tracking task of nuScenes, whose '
                        f'devkit refuses a file with it; it knows {", ".join(TRACKING_CLASSES)}')
    best = np.sort(np.argsort(-tracks.scores, kind='stable')[:MAX_BOXES])
    tracks = tracks[best]
    if not len(tracks):
        return []
    translation, size, rotation = lidar_to_nuscenes(tracks.boxes_3d[:, :7], pose)
    flat = np.column_stack([np.nan_to_num(tracks.boxes_3d[:, 7:9]), np.zeros(len(tracks))])
    velocity = (flat @ np.asarray(pose)[:3, :3].T)[:, :2]
    return [dict(sample_token=sample_token, translation=translation[row].tolist(),
                 size=size[row].tolist(), rotation=rotation[row].tolist(),
                 velocity=velocity[row].tolist(), tracking_id=str(track.id),
                 tracking_name=track.name, tracking_score=track.score)
            for row, track in enumerate(tracks)]


def write_tracks(frames: Sequence[FrameTracks], path: Path, source: Path) -> None:
    """A submission of the tracking task; what sensors were used is what ``source`` says."""
    content = read_json(source) if source.suffix.lower() == '.json' else {}
    meta = content.get('meta') if isinstance(content, Mapping) else None
    results = {info['token']: tracks_to_nuscenes(tracks, info['token'], lidar2global(info))
               for info, tracks in frames}
    write_nuscenes_submission(make_submission(results, meta if isinstance(meta, Mapping) else {}),
                              path)


def score_tracks(path: Path, root: Path, frames: Sequence[Mapping[str, Any]]) -> str:
    """The table of AMOTA, AMOTP and the rest, of the samples of these frames."""
    tables = open_tables(root, find_version(root, None))
    tokens = [info['token'] for info in frames]
    return evaluate_nuscenes_tracking(path, tables, 'the info file', tokens=tokens).table()


register_tracks('nuscenes', TrackFormat(
    'results of the tracking task of nuScenes (.json)', TRACKING_CLASSES, write_tracks,
    score_tracks))
