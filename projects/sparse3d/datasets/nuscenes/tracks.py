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
    CLASSES,
    MAX_BOXES,
    make_submission,
    write_nuscenes_submission,
)
from sparse3d.errors import DataError
from sparse3d.structures.box_conversions import lidar_to_nuscenes
from sparse3d.structures.given_matrix import given_pose
from sparse3d.structures.track_files import (
    FrameTracks,
    TrackFormat,
    TrackFrame,
    labeled_tracks,
    register_tracks,
)
from sparse3d.structures.tracks import Tracks, register_tracks_format
from sparse3d.transforms.camera_history import lidar2global as entry_pose
from sparse3d.transforms.text_files import read_json


def tracks_to_nuscenes(tracks: Tracks, sample_token: str = '',
                       lidar2global: np.ndarray | None = None) -> list[dict]:
    """Records of one sample, as the devkit's ``TrackingEval`` reads them: the best 500.

    Args:
        tracks: in the LiDAR frame.
        sample_token: of the sample.
        lidar2global: (4, 4); without it the boxes stay in the LiDAR frame.

    Raises:
        DataError: for a class that the tracking task does not have.
    """
    other = next((name for name in tracks.names if name not in TRACKING_CLASSES), None)
    if other is not None:
        raise DataError(f'the class {other!r} is none of the tracking task of nuScenes, whose '
                        f'devkit refuses a file with it; it knows {", ".join(TRACKING_CLASSES)}')
    pose = np.eye(4) if lidar2global is None else given_pose(lidar2global, 'lidar2global')
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


def write_tracks(frames: Sequence[FrameTracks], path: Path, source: Path | None) -> None:
    """A submission of the tracking task; what sensors were used is what ``source`` says."""
    is_json = source is not None and source.is_file() and source.suffix.lower() == '.json'
    content = read_json(source) if is_json and source is not None else {}
    meta = content.get('meta') if isinstance(content, Mapping) else None
    results = {frame.name: tracks_to_nuscenes(tracks, frame.name, frame.pose)
               for frame, tracks in frames}
    write_nuscenes_submission(make_submission(results, meta if isinstance(meta, Mapping) else {}),
                              path)


def score_tracks(path: Path, root: Path, frames: Sequence[TrackFrame]) -> str:
    """The table of AMOTA, AMOTP and the rest, of the samples of these frames."""
    tables = open_tables(root, find_version(root, None))
    tokens = [frame.name for frame in frames]
    return evaluate_nuscenes_tracking(path, tables, 'the info file', tokens=tokens).table()


def track_frame(entry: Mapping[str, Any]) -> TrackFrame:
    """A key frame from its entry of an info file."""
    pose = entry_pose(entry)
    return TrackFrame(
        entry['token'], entry['scene_token'], entry['timestamp'], pose,
        dict(entry, lidar2global=pose, lidar_path=entry['lidar_points'].get('lidar_path', '')))


def labels(entry: Mapping[str, Any]) -> Tracks | None:
    """Labeled objects of classes that are tracked; info files have geometric centers."""
    items = [item for item in entry.get('instances', ()) if item['bbox_label_3d'] >= 0
             and CLASSES[item['bbox_label_3d']] in TRACKING_CLASSES]
    if 'instances' not in entry or not all('instance_token' in item for item in items):
        return None
    boxes = [[*item['bbox_3d'][:2], item['bbox_3d'][2] - item['bbox_3d'][5] / 2,
              *item['bbox_3d'][3:7]] for item in items]
    return labeled_tracks(boxes, [CLASSES[item['bbox_label_3d']] for item in items],
                          [item['instance_token'] for item in items], TRACKING_CLASSES)


register_tracks_format('nuscenes', tracks_to_nuscenes)
register_tracks('nuscenes', TrackFormat(
    'results of the tracking task of nuScenes (.json)', TRACKING_CLASSES, track_frame,
    write_tracks, labels, score_tracks, suffix='.json'))
