"""Tracks in the format of KITTI's tracking benchmark: a text for each sequence."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.atomic_files import make_folder, write_bytes_atomically
from sparse3d.datasets.kitti.evaluate.tracking import (
    evaluate_kitti_tracking,
    read_kitti_tracks,
    table,
)
from sparse3d.datasets.kitti.prepare.text import KITTI_TYPES
from sparse3d.datasets.kitti.results import to_kitti
from sparse3d.errors import DataError
from sparse3d.structures.box_conversions import kitti_camera_to_lidar
from sparse3d.structures.track_files import (
    FrameTracks,
    TrackFormat,
    TrackFrame,
    labeled_tracks,
    register_tracks,
)
from sparse3d.structures.tracks import Tracks, register_tracks_format


def tracks_to_kitti(tracks: Tracks, frame: int = 0, camera: Mapping | None = None) -> str:
    """Lines of a result file of the tracking benchmark: frame, id, then those of the object
    benchmark (:func:`~sparse3d.datasets.kitti.results.to_kitti`).

    Args:
        frame: its number in the sequence.
        camera: as there; tracks outside of its image are left out.
    """
    lines = []
    for row, track in enumerate(tracks):
        for line in to_kitti(tracks[row].detections, camera).splitlines(keepends=True):
            lines.append(f'{frame} {track.id} {line}')
    return ''.join(lines)


def write_tracks(frames: Sequence[FrameTracks], path: Path, source: Path | None) -> str | None:
    """``path/<sequence>.txt`` for each sequence, also where nothing was found.

    Each file appears as a whole or not at all. What lies outside of the picture has no place in
    this format: it is counted, and a sentence on it comes back.

    Raises:
        DataError: if ``path`` is a file, or a file cannot be written.
    """
    if path.is_file() or path.suffix.lower() == '.txt':
        raise DataError(f'{path} has to be a folder: tracks of KITTI are a text for each sequence')
    texts: dict[str, list[str]] = {}
    outside = 0
    for frame, tracks in frames:
        text = tracks_to_kitti(tracks, int(frame.info['frame']), frame.info['images']['CAM2'])
        outside += len(tracks) - text.count('\n')
        texts.setdefault(frame.scene, []).append(text)
    make_folder(path)
    for name, parts in texts.items():
        write_bytes_atomically(path / f'{name}.txt', ''.join(parts).encode())
    if not outside:
        return None
    return (f'{outside} of {sum(len(tracks) for _, tracks in frames)} boxes lie outside of the '
            f'picture, where the texts of KITTI have no place for them; --format json keeps all')


def score_tracks(path: Path, root: Path, frames: Sequence[TrackFrame]) -> str:
    """HOTA and CLEAR MOT of these sequences, as the benchmark scores them."""
    lengths: dict[str, int] = {}
    for frame in frames:
        lengths[frame.scene] = max(lengths.get(frame.scene, 0), int(frame.info['frame']) + 1)
    labels = root / 'training' / 'label_02'
    return table(evaluate_kitti_tracking(
        {name: read_kitti_tracks(path / f'{name}.txt') for name in lengths},
        {name: read_kitti_tracks(labels / f'{name}.txt') for name in lengths}, lengths))


def track_frame(entry: Mapping[str, Any]) -> TrackFrame:
    """A frame from its entry of an info file.

    Raises:
        DataError: for a frame of the object benchmark, which is of no drive.
    """
    if 'sequence' not in entry:
        raise DataError(f'the frame {entry.get("sample_idx")} is one of KITTI\'s object benchmark, '
                        f'whose frames are no drives; tracking needs the tracking layout '
                        f'(kitti_tracking_infos_*.pkl)')
    pose = entry.get('lidar2global')
    return TrackFrame(
        entry['frame_name'], entry['sequence'], entry['timestamp'],
        None if pose is None else np.array(pose, np.float64),
        dict(entry, lidar_path=entry['lidar_points']['lidar_path']))


def labels(entry: Mapping[str, Any]) -> Tracks | None:
    """Labeled objects; areas that do not matter are none."""
    items = [item for item in entry.get('instances', ()) if item['bbox_label_3d'] >= 0]
    if 'instances' not in entry or not all('track_id' in item for item in items):
        return None
    boxes = kitti_camera_to_lidar(np.array([item['bbox_3d'] for item in items]).reshape(-1, 7),
                                  entry['images']['CAM2']['lidar2cam'])
    return labeled_tracks(boxes.tolist(), [KITTI_TYPES[item['bbox_label_3d']] for item in items],
                          [item['track_id'] for item in items], KITTI_TYPES[:-1])


register_tracks_format('kitti', tracks_to_kitti)
register_tracks('kitti', TrackFormat(
    'a folder with a text of the tracking benchmark for each sequence', KITTI_TYPES[:-1],
    track_frame, write_tracks, labels, score_tracks))
