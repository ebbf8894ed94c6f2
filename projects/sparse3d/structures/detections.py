"""What a detector found in one frame, as plain arrays."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.atomic_files import make_folder
from sparse3d.errors import DataError
from sparse3d.structures.detection_formats import file_format, format_named, suffixes
from sparse3d.structures.plausible_detections import (
    one_sentence,
    real_numbers,
    refuse_implausible,
    refuse_odd_names,
    refuse_unknown_options,
)


def refuse_odd_threshold(threshold: Any) -> None:
    """Raise unless a threshold of scores is a number that scores can reach.

    Raises:
        DataError: naming it.
    """
    number = isinstance(threshold, int | float | np.number)
    if not number or not threshold <= 1:
        raise DataError(f'score_threshold is {threshold!r}; scores lie between 0 and 1')


def _as_ids(given: Any) -> np.ndarray:
    """Ids (N,) of tracks, numbers or texts.

    Raises:
        DataError: for another shape.
    """
    given = given.detach().cpu().numpy() if hasattr(given, 'detach') else given
    try:
        ids = np.asarray(given)
    except ValueError as error:
        raise DataError('track_ids are no list of numbers or texts, one for each box') from error
    if ids.ndim != 1:
        raise DataError(f'track_ids have the shape {ids.shape}; (N,) is needed')
    if ids.dtype.kind == 'O':  # texts that pickles alone could store
        ids = np.array(['' if one is None else str(one) for one in ids.tolist()], str)
    return ids


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
        track_ids: (N,) which boxes of other frames are the same object, or None: results of a
            tracker have them.
    """

    boxes_3d: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    keypoints_3d: np.ndarray | None = None
    keypoint_visibility: np.ndarray | None = None
    points: np.ndarray | None = field(default=None, repr=False)
    name: str = 'frame'
    track_ids: np.ndarray | None = None

    def __post_init__(self) -> None:
        self._take_as_arrays()
        count = len(self.boxes_3d)
        for what in ('scores', 'labels', 'keypoints_3d', 'keypoint_visibility', 'track_ids'):
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

    def _take_as_arrays(self) -> None:
        """Lists and tensors as arrays; what cannot be boxes, labels or names is refused."""
        refuse_odd_names(self.class_names)
        for name in ('boxes_3d', 'scores', 'keypoints_3d', 'keypoint_visibility'):
            if getattr(self, name) is not None or name in ('boxes_3d', 'scores'):
                object.__setattr__(self, name, real_numbers(getattr(self, name), name))
        if isinstance(self.labels, list | tuple) or hasattr(self.labels, 'detach'):
            object.__setattr__(self, 'labels', np.asarray(self.labels))
        shape = np.shape(self.boxes_3d)
        if not shape or shape[0] and (len(shape) != 2 or shape[1] not in (7, 9)):
            raise DataError(f'the boxes have the shape {shape}; (N, 7) or (N, 9) is needed: x, y, '
                            f'z_bottom, dx, dy, dz, yaw[, vx, vy]')
        for name, wanted in (('scores', '(N,)'), ('labels', '(N,)'), ('keypoints_3d', '(N, K, 3)'),
                             ('keypoint_visibility', '(N, K)')):
            value = getattr(self, name)
            if value is not None and shape[0] and np.ndim(value) != wanted.count(',') + (
                    wanted != '(N,)'):
                raise DataError(f'{name} have the shape {np.shape(value)}; {wanted} is needed')
        if self.track_ids is not None:
            object.__setattr__(self, 'track_ids', _as_ids(self.track_ids))
        labels = np.asarray(self.labels)
        if labels.dtype.kind not in 'iu':
            whole = labels.astype(np.int64) if labels.dtype.kind == 'f' else None
            if whole is None or (whole != labels).any():
                raise DataError(f'labels are {labels.dtype}; give whole numbers, rows of '
                                f'class_names')
            object.__setattr__(self, 'labels', whole)

    def __len__(self) -> int:
        return len(self.boxes_3d)

    def __getitem__(self, rows: Any) -> Detections:
        """Some of them, by mask, slice, numbers or one number."""
        rows = [rows] if isinstance(rows, int | np.integer) else rows
        names = ('boxes_3d', 'scores', 'labels', 'keypoints_3d', 'keypoint_visibility',
                 'track_ids')
        values = {name: getattr(self, name) for name in names}
        chosen: dict[str, Any] = {name: None if value is None else value[rows]
                                  for name, value in values.items()}
        return replace(self, **chosen)

    @classmethod
    def from_lists(cls, boxes: np.ndarray, scores: Sequence | np.ndarray, names: Sequence[str],
                   class_names: Sequence[str], *keypoints: np.ndarray | None) -> Detections:
        """Detections whose classes are given by name.

        Args:
            boxes: (N, 7 or 9).
            scores: (N,).
            names: (N,) of ``class_names``.
            keypoints: joints and their visibility, or nothing.

        Raises:
            DataError: for a class that is not in ``class_names``.
        """
        unknown = [name for name in names if name not in class_names]
        if unknown:
            raise DataError(f'there is no class {unknown[0]!r} among {", ".join(class_names)}')
        labels = [list(class_names).index(name) for name in names]
        return cls(np.asarray(boxes).astype(np.float32),
                   np.array(scores, np.float32).reshape(-1),
                   np.array(labels, np.int64).reshape(-1), tuple(class_names),
                   *keypoints)  # type: ignore[arg-type]  # two at most

    @property
    def names(self) -> list[str]:
        """Name of the class of each detection."""
        return [self.class_names[label] for label in self.labels]

    def filter(self, score_threshold: float = 0.0, classes: Sequence[str] | None = None,
               limit: int | None = None) -> Detections:
        """Those with at least this score, of these classes, at most ``limit`` of them.

        Raises:
            DataError: for a class that the detector does not know, or a threshold that no score
                can reach.
        """
        refuse_odd_threshold(score_threshold)
        if limit is not None and limit < 0:
            raise DataError(f'limit is {limit}; give how many detections stay, 0 or more')
        keep = self.scores >= score_threshold
        if isinstance(classes, str):
            raise DataError(f'classes is the text {classes!r}; give a list of names, [{classes!r}]')
        if classes is not None:
            unknown = [name for name in classes if name not in self.class_names]
            if unknown:
                raise DataError(f'there is no class {unknown[0]!r}; this detector knows '
                                f'{", ".join(self.class_names)}')
            keep &= np.isin(self.labels, [self.class_names.index(name) for name in classes])
        return self[np.flatnonzero(keep)[:limit]]

    def raised(self, height: float) -> Detections:
        """The same in a frame whose origin lies lower by ``height`` meters; themselves for 0."""
        if not height:
            return self
        boxes = np.array(self.boxes_3d)
        boxes[:, 2] += height
        changes: dict[str, Any] = dict(boxes_3d=boxes)
        for key in ('keypoints_3d', 'points'):
            value = getattr(self, key)
            if value is not None:
                changes[key] = np.array(value)
                changes[key][..., 2] += height
        return replace(self, **changes)

    def to(self, name: str, **options: Any) -> Any:
        """These detections in another format.

        Args:
            name: ``'dicts'`` (plain dicts), or a format that a data set brings: ``'kitti'``,
                ``'nuscenes'``, ``'waymo'``.
            options: of the format, a camera or a pose for instance.

        Raises:
            DataError: for an unknown format or option.
        """
        to = format_named(name).to
        refuse_unknown_options(to, 1, options, f'the format {name!r}')
        return to(self, **options)

    @classmethod
    def of(cls, value: Any, name: str, class_names: Sequence[str], **options: Any) -> Detections:
        """The inverse of :meth:`to`.

        Raises:
            DataError: for an unknown format or one without a way back, a class that is not in
                ``class_names``, or a value that is not in this format.
        """
        back = format_named(name).of
        if back is None:
            raise DataError(f'detections cannot be read from the format {name!r}')
        refuse_unknown_options(back, 2, options, f'the format {name!r}')
        with one_sentence(f'the {type(value).__name__} is not in the format {name!r}'):
            found = back(value, class_names, **options)
        refuse_implausible(found, f'the value in the format {name!r}')
        return found

    def save(self, path: str | PathLike, camera: Mapping | None = None) -> Path:
        """Write a file: ``.json``, ``.csv``, ``.npz``, ``.txt`` (KITTI), ``.png`` (3D view),
        ``.svg`` and ``.pdf`` (bird's-eye view), or ``.html`` (a scene to turn in a browser).

        Raises:
            DataError: for another suffix, or if the file cannot be written.
            BackendUnavailable: for ``.png`` where open3d cannot render.
        """
        path = Path(path)
        known = file_format(path.suffix)
        if known is None:
            raise DataError(f'{path} cannot be written: detections are saved as '
                            f'{", ".join(suffixes())}')
        make_folder(path.parent)
        known.save(self, path, camera)
        return path

    @classmethod
    def read(cls, path: str | PathLike, class_names: Sequence[str] | str | None = None,
             camera: Mapping | None = None) -> Detections:
        """What :meth:`save` wrote as numbers: ``.json``, ``.csv``, ``.npz`` or ``.txt`` (KITTI).

        Args:
            class_names: of the detector; needed where the file does not hold them (``.txt``).
                ``'kitti'`` reads an official label or result file with KITTI's own types.
            camera: that the file was written with.

        Raises:
            DataError: if the file is missing, damaged or a picture, or the names are missing.
        """
        path = Path(path)
        if isinstance(class_names, str):
            return cls._read_official(path, class_names, camera)
        known = file_format(path.suffix)
        if known is None or known.read is None:
            raise DataError(f'{path} cannot be read: detections are read from .json, .csv, .npz '
                            f'or .txt')
        if not path.is_file():
            raise DataError(f'{path} does not exist')
        with one_sentence(f'{path} holds no detections'):
            found = known.read(path, class_names, camera)
        refuse_implausible(found, str(path))
        return found if found.name != cls.name else replace(found, name=path.stem)

    @classmethod
    def _read_official(cls, path: Path, name: str, camera: Mapping | None) -> Detections:
        read = format_named(name).read
        if read is None:
            raise DataError(f'{path} cannot be read as {name!r}, which has no label files that are '
                            f'read here; class_names is a list of names')
        found = read(path, camera)
        refuse_implausible(found, str(path))
        return found

    def show(self) -> None:
        """Open a window with points and boxes.

        Raises:
            BackendUnavailable: where there is no display; :meth:`save` makes pictures.
        """
        format_named('window').to(self)
