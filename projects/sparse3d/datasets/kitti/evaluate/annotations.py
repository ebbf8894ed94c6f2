"""Objects of KITTI frames as arrays: ground truth or detections."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from sparse3d.errors import DataError

UNKNOWN_ALPHA = -10.0


@dataclass(frozen=True)
class KittiObjects:
    """Objects of one frame, or of many frames one after the other.

    All 3D values are in the rectified camera frame (x right, y down, z forward).
    DontCare areas are objects of that name without 3D values.

    Attributes:
        name: [N] str, KITTI's types.
        bbox: [N, 4] left, top, right, bottom, pixels.
        location: [N, 3] center of the bottom face, meters.
        dimensions: [N, 3] length, height, width, meters.
        rotation_y: [N] about the y axis, 0 along x, radians.
        alpha: [N] observation angle, radians; -10 if unknown.
        truncated: [N] 0..1.
        occluded: [N] 0..3.
        score: [N] confidence of a detection.
    """

    name: np.ndarray
    bbox: np.ndarray
    location: np.ndarray
    dimensions: np.ndarray
    rotation_y: np.ndarray
    alpha: np.ndarray
    truncated: np.ndarray
    occluded: np.ndarray
    score: np.ndarray

    def __len__(self) -> int:
        return len(self.name)

    @classmethod
    def from_arrays(cls, values: Mapping, source: str = 'frame') -> KittiObjects:
        """Check and complete a dict with the attributes above (mmdet3d's annotations).

        Only ``name`` and ``bbox`` have to be there: absent 3D values are those of a
        DontCare area, an absent alpha is unknown, other absent values are 0.

        Raises:
            DataError: naming ``source`` and the key, for absent keys, shapes that do
                not fit, or a score, box or alpha that is NaN.
        """
        missing = [key for key in ('name', 'bbox') if key not in values]
        if missing:
            raise DataError(f'{source} lacks {" and ".join(missing)}')
        number = len(values['name'])
        columns = {'name': np.asarray(values['name'], dtype=str).reshape(-1)}
        for key, (shape, absent) in _COLUMNS.items():
            column = np.asarray(values.get(key, np.full((number, *shape), absent)), np.float64)
            if column.size != number * int(np.prod(shape)):
                raise DataError(f'{source} has {number} names, but {key} has the shape '
                                f'{list(column.shape)}')
            columns[key] = column.reshape(number, *shape)
            if np.isnan(columns[key]).any():
                raise DataError(f'{source} has a NaN in {key}')
        return cls(**columns)

    @classmethod
    def from_labels(cls, labels: Iterable) -> KittiObjects:
        """From the lines that :func:`sparse3d.datasets.kitti.prepare.text.read_labels` reads."""
        labels = list(labels)
        values = {key: [getattr(label, key) for label in labels] for key in _COLUMNS}
        return cls.from_arrays(dict(name=[label.type for label in labels], **values))

    @classmethod
    def from_instances(cls, instances: Sequence[Mapping], names: Mapping[int, str],
                       source: str = 'frame') -> KittiObjects:
        """From ``instances`` of an info file in the layout of mmdet3d 1.4.

        Args:
            instances: with ``bbox_3d`` = x, y, z, l, h, w, rotation_y, camera frame.
            names: name of each label, -1 for DontCare.

        Raises:
            DataError: naming ``source``, for absent keys or an unknown label.
        """
        try:
            boxes = np.array([item['bbox_3d'] for item in instances]).reshape(-1, 7)
            values = {key: [item[key] for item in instances]
                      for key in ('bbox', 'alpha', 'truncated', 'occluded')}
            values['name'] = [names[item['bbox_label']] for item in instances]
        except (KeyError, ValueError) as error:
            raise DataError(f'{source}: instances are not in the layout of mmdet3d 1.4 '
                            f'({type(error).__name__}: {error})') from error
        return cls.from_arrays(dict(
            values, location=boxes[:, :3], dimensions=boxes[:, 3:6], rotation_y=boxes[:, 6]),
            source)

    @classmethod
    def concatenate(cls, frames: Sequence[KittiObjects]) -> KittiObjects:
        """All objects of the frames in their order."""
        frames = [*frames, EMPTY]
        return cls(*(np.concatenate([getattr(frame, field.name) for frame in frames])
                     for field in fields(cls)))


# Shape of a row and value where the key is absent.
_COLUMNS = dict(
    bbox=((4,), 0.0), location=((3,), -1000.0), dimensions=((3,), -1.0), rotation_y=((), -10.0),
    alpha=((), UNKNOWN_ALPHA), truncated=((), 0.0), occluded=((), 0.0), score=((), 0.0))

EMPTY = KittiObjects.from_arrays(dict(name=[], bbox=[]))
