"""People of Waymo frames with 14 keypoints as arrays: ground truth or predictions."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from sparse3d.errors import DataError

# Name, Waymo's number of the type and its factor in PCK and OKS, in the order of the arrays.
JOINTS = (
    ('nose', 1, 0.052), ('left_shoulder', 5, 0.158), ('right_shoulder', 13, 0.158),
    ('left_elbow', 6, 0.144), ('right_elbow', 14, 0.144), ('left_wrist', 7, 0.124),
    ('right_wrist', 15, 0.124), ('left_hip', 8, 0.214), ('right_hip', 16, 0.214),
    ('left_knee', 9, 0.174), ('right_knee', 17, 0.174), ('left_ankle', 10, 0.178),
    ('right_ankle', 18, 0.178), ('head_center', 20, 0.158))
JOINT_TYPES = tuple(number for _, number, _ in JOINTS)
JOINT_FACTORS = np.array([factor for _, _, factor in JOINTS])
# Joints that are reported together.
GROUPS = dict(HEAD=(0, 13), SHOULDERS=(1, 2), ELBOWS=(3, 4), WRISTS=(5, 6), HIPS=(7, 8),
              KNEES=(9, 10), ANKLES=(11, 12), ALL=tuple(range(14)))


@dataclass(frozen=True)
class KeypointPeople:
    """People of any number of frames.

    Attributes:
        frame: [N] int64 key of the frame, any numbers.
        box: [N, 7] x, y, z of the geometric center, length, width, height, heading;
            vehicle frame, meters, radians.
        location: [N, 14, 3] keypoints in the order of ``JOINTS``, vehicle frame, meters.
        visibility: [N, 14] 0 missing, 1 occluded, 2 visible. Predictions may be any
            number: above 0 a keypoint is present, above 1 it is visible.
    """

    frame: np.ndarray
    box: np.ndarray
    location: np.ndarray
    visibility: np.ndarray

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def valid(self) -> np.ndarray:  # [N, 14]
        """Keypoints that are there, occluded or not."""
        return self.visibility > 0

    @property
    def visible(self) -> np.ndarray:  # [N, 14]
        """Keypoints that can be seen."""
        return self.visibility > 1

    def select(self, rows: np.ndarray) -> KeypointPeople:
        """The people of these rows; a row of -1 gives a person of zeros."""
        rows = np.asarray(rows)
        parts = []
        for field in fields(self):
            column = getattr(self, field.name)
            padded = np.concatenate([column, np.zeros((1, *column.shape[1:]), column.dtype)])
            parts.append(padded[rows] if len(rows) else column[:0])
        return KeypointPeople(*parts)

    @classmethod
    def from_arrays(cls, values: Mapping, source: str = 'people') -> KeypointPeople:
        """Check a dict of arrays with the attributes above.

        With ``num_points`` [N] people without a LiDAR point are dropped.

        Raises:
            DataError: naming ``source`` and the key, for absent keys, shapes that do not
                fit, or a value that is not finite.
        """
        missing = [key for key in _SHAPES if key not in values]
        if missing:
            raise DataError(f'{source}: {", ".join(missing)} is missing')
        number = len(values['frame'])
        columns = {}
        for key, (shape, dtype) in _SHAPES.items():
            column = np.asarray(values[key], dtype)
            if column.size != number * int(np.prod(shape)):
                raise DataError(f'{source} has {number} frame keys, but {key} has the shape '
                                f'{list(column.shape)}')
            if not np.isfinite(column).all():
                raise DataError(f'{source}: {key} has a value that is not finite')
            columns[key] = column.reshape(number, *shape)
        people = cls(**columns)
        points = values.get('num_points')
        return people if points is None else people.select(np.flatnonzero(np.asarray(points) > 0))

    @classmethod
    def from_frames(cls, frames: Sequence[Mapping], source: str = 'people') -> KeypointPeople:
        """From one dict of arrays for each frame; ``frame`` becomes the place in the list.

        Raises:
            DataError: as :meth:`from_arrays`, naming the frame.
        """
        parts = [cls.from_arrays({key: [] for key in _SHAPES})]
        for place, values in enumerate(frames):
            key = np.full(len(values.get('visibility', ())), place)
            parts.append(cls.from_arrays(dict(values, frame=key), f'{source}, frame {place}'))
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts])
                     for field in fields(cls)))


_SHAPES = dict(frame=((), np.int64), box=((7,), np.float64), location=((14, 3), np.float64),
               visibility=((14,), np.float64))
