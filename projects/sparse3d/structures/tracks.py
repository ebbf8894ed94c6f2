"""Objects followed over frames: what a tracker knows of each in one frame, as plain arrays."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.detections import Detections
from sparse3d.structures.plausible_detections import (
    real_numbers,
    refuse_odd_names,
    refuse_unknown_options,
)

TENTATIVE, CONFIRMED, LOST = 'tentative', 'confirmed', 'lost'
STATES = (TENTATIVE, CONFIRMED, LOST)
_FORMATS: dict[str, Callable[..., Any]] = {}


def register_tracks_format(name: str, to: Callable[..., Any]) -> None:
    """Make ``tracks.to(name)`` known, where it is not that of detections with an id beside.

    Raises:
        ConfigError: if the name is taken.
    """
    if _FORMATS.setdefault(name, to) is not to:
        raise ConfigError(f'two formats of tracks are called {name!r}')


@dataclass(frozen=True)
class Track:
    """One object in one frame.

    Attributes:
        box: (9,) x, y, z_bottom, dx, dy, dz, yaw, vx, vy; meters, radians, meters per second,
            LiDAR frame (drawing in ``sparse3d.structures.box_conversions``); NaN for a velocity
            that is not known.
        score: in 0..1.
        name: of its class.
        id: the same in all frames, of no other object.
        age: frames since it was first seen; 0 in its first frame.
        state: ``'tentative'`` (too new to be sure of), ``'confirmed'``, or ``'lost'``: not seen
            in this frame, the box is a prediction.
    """

    box: np.ndarray
    score: float
    name: str
    id: int
    age: int
    state: str

    @property
    def velocity(self) -> np.ndarray:
        """vx, vy [m/s] in the LiDAR frame."""
        return self.box[7:9]


@dataclass(frozen=True)
class Tracks:
    """The objects of one frame; iterated, they are :class:`Track` s.

    Attributes:
        boxes_3d: (N, 9) see :class:`Track`; 7 columns are taken, their velocities are NaN.
        scores: (N,) in 0..1.
        labels: (N,) rows of ``class_names``.
        class_names: of the detector.
        ids: (N,) whole numbers.
        ages: (N,) frames since each was first seen.
        states: (N,) of ``STATES``.
        timestamp: of the frame [s].
        name: of the frame.
    """

    boxes_3d: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    ids: np.ndarray
    ages: np.ndarray
    states: np.ndarray
    timestamp: float = float('nan')
    name: str = 'frame'

    def __post_init__(self) -> None:
        boxes = real_numbers(self.boxes_3d, 'the boxes of tracks').astype(np.float64)
        boxes = boxes.reshape(0, 9) if not boxes.size else boxes
        if boxes.ndim != 2 or boxes.shape[1] not in (7, 9):
            raise DataError(f'the boxes of tracks have the shape {boxes.shape}; (N, 9) is needed: '
                            f'x, y, z_bottom, dx, dy, dz, yaw, vx, vy')
        if boxes.shape[1] == 7:
            boxes = np.column_stack([boxes, np.full((len(boxes), 2), np.nan)])
        object.__setattr__(self, 'boxes_3d', boxes)
        refuse_odd_names(self.class_names)
        object.__setattr__(self, 'class_names', tuple(self.class_names))
        for key, values in dict(
                scores=real_numbers(self.scores, 'the scores of tracks'),
                labels=_whole_numbers(self.labels, 'labels'), ids=_whole_numbers(self.ids, 'ids'),
                ages=_whole_numbers(self.ages, 'ages'), states=np.asarray(self.states)).items():
            if values.shape != (len(boxes),):
                raise DataError(f'{len(boxes)} boxes of tracks do not go with '
                                f'{values.size} {key}' + f' of the shape {values.shape}'
                                * (values.ndim != 1))
            object.__setattr__(self, key, values)
        self._refuse_doubt()

    def _refuse_doubt(self) -> None:
        ids, counts = np.unique(self.ids, return_counts=True)
        if (counts > 1).any():
            raise DataError(f'the id {ids[counts > 1][0]} stands {counts.max()} times in frame '
                            f'{self.name}; an id is one object in a frame')
        labels = self.labels[(self.labels < 0) | (self.labels >= len(self.class_names))]
        if len(labels):
            raise DataError(f'a track has the label {labels[0]}, but there are names for '
                            f'{len(self.class_names)} classes from 0 on')
        strange = [state for state in self.states.tolist() if state not in STATES]
        if strange:
            raise DataError(f'a track has the state {strange[0]!r}; there are '
                            f'{", ".join(STATES)}')

    def __len__(self) -> int:
        return len(self.boxes_3d)

    def __iter__(self) -> Iterator[Track]:
        for row, name in enumerate(self.names):
            yield Track(self.boxes_3d[row], float(self.scores[row]), name, int(self.ids[row]),
                        int(self.ages[row]), str(self.states[row]))

    def __getitem__(self, rows: Any) -> Tracks:
        """Some of them, by mask, slice, numbers or one number."""
        rows = [rows] if isinstance(rows, int | np.integer) else rows
        rows = np.zeros(0, np.int64) if isinstance(rows, list) and not rows else rows
        return replace(self, **{key: getattr(self, key)[rows] for key in (
            'boxes_3d', 'scores', 'labels', 'ids', 'ages', 'states')})

    @property
    def names(self) -> list[str]:
        """Name of the class of each track."""
        return [self.class_names[label] for label in self.labels]

    def in_state(self, *states: str) -> Tracks:
        """Those in one of these states.

        Raises:
            DataError: for a state that is none.
        """
        for state in states:
            if state not in STATES:
                raise DataError(f'{state!r} is no state of a track; there are '
                                f'{", ".join(STATES)}')
        return self[np.isin(self.states, states)]

    @property
    def detections(self) -> Detections:
        """The same boxes, with ids as ``track_ids``; time, age and state are left out."""
        return Detections(self.boxes_3d, self.scores, self.labels, self.class_names,
                          name=self.name, track_ids=self.ids)

    def to(self, name: str, **options: Any) -> Any:
        """These tracks in another format.

        Args:
            name: ``'nuscenes'`` (records of the tracking task), ``'kitti'`` (lines of the
                tracking benchmark), ``'waymo'``, ``'argoverse2'``, or any of
                :meth:`Detections.to <sparse3d.structures.detections.Detections.to>`, with ids.
            options: of the format, a camera or a pose for instance.

        Raises:
            DataError: for an unknown format or option.
        """
        if name not in _FORMATS:
            return self.detections.to(name, **options)
        refuse_unknown_options(_FORMATS[name], 1, options, f'the format {name!r} of tracks')
        return _FORMATS[name](self, **options)

    def save(self, path: str | PathLike, camera: Mapping | None = None) -> Path:
        """Write a file with ids, as :meth:`Detections.save` writes one without: numbers
        (``.json``, ``.csv``, ``.npz``) or a picture.

        Raises:
            DataError: as there, and for ``.txt``: a line of KITTI's object benchmark has no id.
        """
        if Path(path).suffix.lower() == '.txt':
            raise DataError(f'{path} cannot hold ids: a file of KITTI tracking is one of a whole '
                            f'sequence, which "sparse3d track" writes; save .json, .csv or .npz')
        return self.detections.save(path, camera)

    @classmethod
    def read(cls, path: str | PathLike, class_names: Sequence[str] | None = None) -> Tracks:
        """What :meth:`save` wrote as numbers; ages are 0 and all are confirmed.

        Raises:
            DataError: if the file is no such, or has no ids.
        """
        found = Detections.read(path, class_names)
        if found.track_ids is None and len(found):
            raise DataError(f'{path} holds detections without track_id; track them first')
        ids = np.zeros(0, np.int64) if found.track_ids is None else found.track_ids
        return cls.of(found, whole_ids(ids))

    @classmethod
    def of(cls, detections: Detections, ids: Sequence[int] | np.ndarray,
           timestamp: float = float('nan')) -> Tracks:
        """Detections whose identities are known, of a detector that keeps them for instance."""
        count = len(detections)
        return cls(detections.boxes_3d, detections.scores, detections.labels,
                   detections.class_names, np.asarray(ids), np.zeros(count, np.int64),
                   np.full(count, CONFIRMED), timestamp, detections.name)


def _whole_numbers(values: Any, what: str) -> np.ndarray:
    """Numbers as int64.

    Raises:
        DataError: for what is no whole number.
    """
    numbers = real_numbers(values, f'the {what} of tracks')
    if numbers.dtype.kind == 'f':
        with np.errstate(invalid='ignore'):
            whole = numbers.astype(np.int64)
        if (whole != numbers).any():
            raise DataError(f'the {what} of tracks are {numbers[whole != numbers][0]} among '
                            f'others; give whole numbers')
        return whole
    return numbers.astype(np.int64)


def id_text(one: Any) -> str:
    """An id as a text, the same whether a file holds 7, 7.0 or '7'; empty for nobody (None, NaN).

    A column with gaps turns whole numbers into 7.0.
    """
    if one is None or isinstance(one, float) and np.isnan(one):
        return ''
    return str(int(one)) if isinstance(one, float) and one.is_integer() else str(one)


def are_somebody(ids: Sequence | np.ndarray) -> np.ndarray:
    """(N,) bool, which ids are of an object; a detector that gives none to a box writes a negative
    number or nothing."""
    words = [id_text(one) for one in np.asarray(ids).tolist()]
    return np.array([word not in ('', 'None') and not word.startswith('-') for word in words], bool)


def whole_ids(ids: Sequence | np.ndarray) -> np.ndarray:
    """Ids (N,) as whole numbers, the same in all files: numbers as they are, words (and digits too
    many for a float) by 60 bits of their SHA-256."""
    if np.asarray(ids).dtype.kind == 'i':
        return np.asarray(ids).astype(np.int64)
    words = [id_text(one) for one in np.asarray(ids).tolist()]
    return np.array([int(word) if word.isdecimal() and len(word) < 16 else
                     int(sha256(word.encode()).hexdigest()[:15], 16) for word in words], np.int64)
