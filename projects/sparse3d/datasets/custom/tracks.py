"""Tracks of custom data: a folder with a file for each frame."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sparse3d.errors import DataError
from sparse3d.structures.own_tracks import write_own_tracks
from sparse3d.structures.track_files import (
    TrackFormat,
    TrackFrame,
    labeled_tracks,
    register_tracks,
)
from sparse3d.structures.tracks import Tracks


def track_frame(entry: Mapping[str, Any]) -> TrackFrame:
    """A frame from its entry of an info file.

    Raises:
        DataError: without a time.
    """
    name = str(entry['sample_idx'])
    if 'timestamp' not in entry:
        raise DataError(f'the frame {name} has no time, which tracking needs; write frames.json '
                        f'with timestamp and scene (docs/custom_data.md) and run "sparse3d '
                        f'create-data custom" again')
    pose = entry.get('lidar2global')
    return TrackFrame(name, str(entry.get('scene_token', '')), float(entry['timestamp']),
                      None if pose is None else np.array(pose, np.float64),
                      dict(entry, frame_name=name,
                           lidar_path=entry.get('lidar_points', {}).get('lidar_path', '')))


def labels(entry: Mapping[str, Any]) -> Tracks | None:
    """Labeled objects, where the box files have ``track_id``."""
    items = entry.get('instances', ())
    if 'instances' not in entry or not all('track_id' in item for item in items):
        return None
    names = [item['name'] for item in items]
    return labeled_tracks([item['bbox_3d'] for item in items], names,
                          [item['track_id'] for item in items], sorted(set(names)))


register_tracks('custom', TrackFormat(
    'a folder of .json, a file for each frame', (), track_frame, write_own_tracks, labels))
