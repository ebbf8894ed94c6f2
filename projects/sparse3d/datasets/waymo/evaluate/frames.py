"""Frames of a Waymo info file, found again by what a prediction knows of them."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmdet3d.structures import LiDARInstance3DBoxes

from sparse3d.errors import DataError
from sparse3d.structures.box_conversions import lidar_to_center


class FrameName(NamedTuple):
    """How Waymo names a frame."""

    context_name: str
    timestamp_micros: int


class WaymoFrames:
    """Frames of an info file by the name of their point cloud, else by their place.

    Args:
        info: content of the info file.
        path: where it comes from, for messages.
    """

    def __init__(self, info: Mapping, path: str) -> None:
        self._frames = info['data_list']
        self._path = path
        self._indices: dict[str | int, int] = {}
        for place, frame in enumerate(self._frames):
            name = frame.get('lidar_points', {}).get('lidar_path')
            self._indices[place] = place
            if name:
                self._indices[Path(name).stem] = place

    def __len__(self) -> int:
        return len(self._frames)

    def place(self, key: str | int) -> int:
        """Place of a frame in the info file.

        Raises:
            DataError: if the info file does not hold it.
        """
        if key not in self._indices:
            raise DataError(f'a result is of the frame {key!r}, which {self._path} does not hold')
        return self._indices[key]

    def name(self, place: int) -> FrameName:
        """Waymo's own name of a frame, for submissions.

        Raises:
            DataError: if the info file does not give it.
        """
        frame = self._frames[place]
        if 'context_name' not in frame or 'timestamp' not in frame:
            raise DataError(f'{self.source(place)} lacks context_name or timestamp, which a '
                            f'submission needs')
        return FrameName(str(frame['context_name']), int(frame['timestamp']))

    def instances(self, place: int) -> Sequence[Mapping]:
        """Labeled objects of a frame.

        Raises:
            DataError: if it has no labels.
        """
        if 'instances' not in self._frames[place]:
            raise DataError(f'{self.source(place)} has no instances: a split without labels can '
                            f'only be formatted (format_only=True)')
        return self._frames[place]['instances']

    def zones(self, place: int) -> tuple[Sequence, Any]:
        """No-label zones of a frame (global frame) and the vehicle's pose; none if unknown."""
        frame = self._frames[place]
        return frame.get('no_label_zones', ()), frame.get('ego2global', np.eye(4))

    def source(self, place: int) -> str:
        """The frame in words, for messages."""
        return f'frame {self._frames[place].get("sample_idx", place)} of {self._path}'


def frame_key(sample: Mapping) -> str | int:
    """Name of the point cloud of a predicted sample, or its place in the data set."""
    path = sample.get('lidar_path')
    return Path(path).stem if isinstance(path, str) else int(sample['sample_idx'])


def lidar_boxes(boxes: Any) -> np.ndarray:  # [N, 7]
    """Predicted boxes in Waymo's convention: the reference is the geometric center.

    Raises:
        DataError: if they are not LiDAR boxes.
    """
    if not isinstance(boxes, LiDARInstance3DBoxes):
        raise DataError(f'Waymo is evaluated with LiDAR boxes, not {type(boxes).__name__}')
    return center_boxes(boxes.tensor[:, :7].detach().cpu().numpy()).astype(np.float32)


def center_boxes(boxes: Any) -> np.ndarray:  # [N, 7] -> [N, 7]
    """Boxes x, y, z_bottom, ... with their geometric center as reference instead."""
    return lidar_to_center(np.asarray(boxes, np.float64).reshape(-1, 7))
