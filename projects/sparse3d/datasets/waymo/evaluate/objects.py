"""Objects of Waymo frames as arrays: ground truth or detections."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from sparse3d.errors import DataError

# Waymo's numbers of its types.
TYPES = dict(Vehicle=1, Pedestrian=2, Sign=3, Cyclist=4)
# An object with as many points is LEVEL_2 unless a person said otherwise.
FEW_POINTS = 5


@dataclass(frozen=True)
class WaymoObjects:
    """Objects of any number of frames.

    Attributes:
        frame: [N] int64 key of the frame, any numbers.
        box: [N, 7] float64 x, y, z of the geometric center, length, width, height,
            heading; vehicle frame (x forward, y left, z up), meters, radians.
        type: [N] uint8, the values of ``TYPES``.
        score: [N] float32 confidence of a detection.
        difficulty: [N] uint8 level of a ground truth, 1 or 2.
        overlaps_no_label_zone: [N] bool, whether a detection lies where nothing is
            labeled: it is no false positive there, and may still be a true one.
    """

    frame: np.ndarray
    box: np.ndarray
    type: np.ndarray
    score: np.ndarray
    difficulty: np.ndarray
    overlaps_no_label_zone: np.ndarray

    def __len__(self) -> int:
        return len(self.frame)

    def select(self, rows: np.ndarray) -> WaymoObjects:
        """The objects of these rows (indices or a mask)."""
        return WaymoObjects(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def from_arrays(cls, values: Mapping, source: str = 'objects') -> WaymoObjects:
        """Check and complete a dict of arrays with the attributes above.

        Only ``frame``, ``box`` and ``type`` have to be there. With ``num_points`` [N]
        objects without a point are dropped, and a difficulty that is absent or 0
        (nobody judged it) is 2 for at most 5 points, as in the official tool.

        Raises:
            DataError: naming ``source`` and the key, for absent keys, shapes that do
                not fit, a NaN, or an unknown type or difficulty.
        """
        missing = [key for key in ('frame', 'box', 'type') if key not in values]
        if missing:
            raise DataError(f'{source}: {", ".join(missing)} is missing')
        number = len(values['frame'])
        columns = {key: _column(values.get(key), number, shape, dtype, absent, key, source)
                   for key, (shape, dtype, absent) in _COLUMNS.items()}
        objects = cls(**columns)
        if not np.isin(objects.type, list(TYPES.values())).all():
            raise DataError(f'{source}: a type is none of '
                            + ', '.join(f'{value} {name}' for name, value in TYPES.items()))
        if objects.difficulty.size and objects.difficulty.max() > 2:
            raise DataError(f'{source}: a difficulty is not 0 (nobody judged it), 1 or 2')
        return _with_levels(objects, values.get('num_points'), source)

    @classmethod
    def from_frames(cls, frames: Sequence[Mapping], source: str = 'objects') -> WaymoObjects:
        """From one dict of arrays for each frame; ``frame`` becomes the place in the list.

        Raises:
            DataError: as :meth:`from_arrays`, naming the frame.
        """
        parts = []
        for place, values in enumerate(frames):
            key = np.full(len(values.get('type', ())), place)
            parts.append(cls.from_arrays(dict(values, frame=key), f'{source}, frame {place}'))
        parts.append(cls.from_arrays(dict(frame=[], box=[], type=[])))
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts])
                     for field in fields(cls)))


# Shape of a row, its type, and the value where the key is absent.
_COLUMNS = dict(
    frame=((), np.int64, 0), box=((7,), np.float64, 0), type=((), np.uint8, 0),
    score=((), np.float32, 1), difficulty=((), np.uint8, 0),
    overlaps_no_label_zone=((), bool, False))


def _column(values, number: int, shape: tuple, dtype: type, absent: float, key: str,
            source: str) -> np.ndarray:
    column = np.full((number, *shape), absent, dtype) if values is None \
        else np.asarray(values, dtype)
    if column.size != number * int(np.prod(shape)):
        raise DataError(f'{source} has {number} frame keys, but {key} has the shape '
                        f'{list(column.shape)}')
    if np.issubdtype(dtype, np.floating) and not np.isfinite(column).all():
        raise DataError(f'{source}: {key} has a value that is not finite')
    return column.reshape(number, *shape)


def _with_levels(objects: WaymoObjects, num_points, source: str) -> WaymoObjects:
    """Derive what nobody judged from the number of points, and drop objects without any."""
    difficulty = objects.difficulty
    if num_points is None:
        levels = np.where(difficulty == 0, 1, difficulty)
        keep = np.ones(len(objects), bool)
    else:
        points = _column(num_points, len(objects), (), np.int64, 0, 'num_points', source)
        levels = np.where(difficulty == 0, np.where(points <= FEW_POINTS, 2, 1), difficulty)
        keep = points > 0
    return replace(objects, difficulty=levels.astype(np.uint8)).select(keep)
