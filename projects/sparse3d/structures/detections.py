"""What a detector found in one frame, as plain arrays."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.errors import DataError


@dataclass(frozen=True)
class Detections:
    """Boxes, scores and classes of one frame, the best first.

    Attributes:
        boxes_3d: (N, 7 or 9) x, y, z_bottom, dx, dy, dz, yaw[, vx, vy]; meters, radians,
            meters per second, LiDAR frame (drawing in ``sparse3d.structures.box_conversions``).
        scores: (N,) in 0..1.
        labels: (N,) rows of ``class_names``.
        class_names: of the detector.
        keypoints_3d: (N, K, 3) joints in meters, LiDAR frame, or None.
        keypoint_visibility: (N, K), or None.
        points: (M, C) the cloud it was found in, for pictures, or None.
        name: of the frame, for titles and files.
    """

    boxes_3d: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    keypoints_3d: np.ndarray | None = None
    keypoint_visibility: np.ndarray | None = None
    points: np.ndarray | None = field(default=None, repr=False)
    name: str = 'frame'

    def __post_init__(self) -> None:
        count = len(self.boxes_3d)
        for what in ('scores', 'labels', 'keypoints_3d', 'keypoint_visibility'):
            value = getattr(self, what)
            if value is not None and len(value) != count:
                raise DataError(f'{count} boxes do not go with {len(value)} {what}')
        labels = np.asarray(self.labels)
        unknown = labels[(labels < 0) | (labels >= len(self.class_names))]
        if len(unknown):
            raise DataError(f'a detection has the label {unknown[0]}, but there are names for '
                            f'{len(self.class_names)} classes from 0 on '
                            f'({", ".join(self.class_names)}); give as many names as the model '
                            f'has classes')

    def __len__(self) -> int:
        return len(self.boxes_3d)

    def __getitem__(self, rows: Any) -> Detections:
        """Some of them, by mask, slice, numbers or one number."""
        rows = [rows] if isinstance(rows, int | np.integer) else rows
        names = ('boxes_3d', 'scores', 'labels', 'keypoints_3d', 'keypoint_visibility')
        values = {name: getattr(self, name) for name in names}
        return replace(self, **{name: None if value is None else value[rows]
                                for name, value in values.items()})

    @property
    def names(self) -> list[str]:
        """Name of the class of each detection."""
        return [self.class_names[label] for label in self.labels]

    def filter(self, score_threshold: float = 0.0, classes: Sequence[str] | None = None,
               limit: int | None = None) -> Detections:
        """Those with at least this score, of these classes, at most ``limit`` of them.

        Raises:
            DataError: for a class that the detector does not know.
        """
        keep = self.scores >= score_threshold
        if classes is not None:
            unknown = [name for name in classes if name not in self.class_names]
            if unknown:
                raise DataError(f'there is no class {unknown[0]!r}; this detector knows '
                                f'{", ".join(self.class_names)}')
            keep &= np.isin(self.labels, [self.class_names.index(name) for name in classes])
        return self[np.flatnonzero(keep)[:limit]]

    def to_dicts(self) -> list[dict]:
        """One plain dict a detection; see :func:`sparse3d.apis.formats.to_dicts`."""
        from sparse3d.apis import formats as detection_formats
        return detection_formats.to_dicts(self)

    @classmethod
    def from_dicts(cls, dicts: Sequence[Mapping], class_names: Sequence[str]) -> Detections:
        """The inverse of :meth:`to_dicts`."""
        from sparse3d.apis import formats as detection_formats
        return detection_formats.from_dicts(dicts, class_names)

    def to_nuscenes(self, sample_token: str = '', lidar2global: np.ndarray | None = None,
                    ) -> list[dict]:
        """Entries of a nuScenes result file; without a pose in the LiDAR frame."""
        from sparse3d.apis import formats as detection_formats
        return detection_formats.to_nuscenes(self, sample_token, lidar2global)

    @classmethod
    def from_nuscenes(cls, entries: Sequence[Mapping], class_names: Sequence[str],
                      lidar2global: np.ndarray | None = None) -> Detections:
        """The inverse of :meth:`to_nuscenes`."""
        from sparse3d.apis import formats as detection_formats
        return detection_formats.from_nuscenes(entries, class_names, lidar2global)

    def to_kitti(self, camera: Mapping | None = None) -> str:
        """Lines of a KITTI result file; see :func:`sparse3d.apis.formats.to_kitti`."""
        from sparse3d.apis import formats as detection_formats
        return detection_formats.to_kitti(self, camera)

    @classmethod
    def from_kitti(cls, text: str, class_names: Sequence[str],
                   camera: Mapping | None = None) -> Detections:
        """The inverse of :meth:`to_kitti`."""
        from sparse3d.apis import formats as detection_formats
        return detection_formats.from_kitti(text, class_names, camera)

    def to_waymo(self) -> dict[str, np.ndarray]:
        """Arrays as Waymo describes boxes: center, length, width, height, heading."""
        from sparse3d.apis import formats as detection_formats
        return detection_formats.to_waymo(self)

    @classmethod
    def from_waymo(cls, values: Mapping[str, np.ndarray],
                   class_names: Sequence[str]) -> Detections:
        """The inverse of :meth:`to_waymo`."""
        from sparse3d.apis import formats as detection_formats
        return detection_formats.from_waymo(values, class_names)

    def save(self, path: str | PathLike, camera: Mapping | None = None) -> Path:
        """Write a file: ``.json``, ``.csv``, ``.npz``, ``.txt`` (KITTI), ``.png`` (3D view), or
        ``.svg`` and ``.pdf`` (bird's-eye view).

        Raises:
            DataError: for another suffix, or if the file cannot be written.
            BackendUnavailable: for ``.png`` where open3d cannot render.
        """
        from sparse3d.apis import detection_files
        return detection_files.save(self, path, camera)

    def show(self) -> None:
        """Open a window with points and boxes.

        Raises:
            BackendUnavailable: where there is no display; :meth:`save` makes pictures.
        """
        from sparse3d.apis.detection_files import frame_of
        from sparse3d.visualization import show_scene
        show_scene(frame_of(self))
