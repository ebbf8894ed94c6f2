"""The text files of boxes: a line a car, ``x y z_bottom dx dy dz yaw`` and, of results, a score."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.errors import DataError
from sparse3d.structures.detection_formats import register_format
from sparse3d.structures.detections import Detections
from sparse3d.structures.result_files import ResultFormat, register_results


def read_boxes(path: Path) -> np.ndarray:
    """Boxes [N, 7] of labels, or [N, 8] with the score of results; LiDAR frame, meters, radians.

    Raises:
        DataError: for a file that is missing or holds anything else.
    """
    try:
        boxes = np.loadtxt(path, ndmin=2, dtype=np.float32)
    except (OSError, ValueError) as error:
        raise DataError(f'{path} cannot be read as boxes: {error}') from error
    if len(boxes) and boxes.shape[1] not in (7, 8):
        raise DataError(f'{path} has lines of {boxes.shape[1]} numbers; a box has seven, '
                        f'and a score if it is a result')
    return boxes if len(boxes) else np.zeros((0, 7), np.float32)


def to_lines(detections: Detections) -> str:
    """Detections as the lines of a file of results."""
    rows = np.column_stack([detections.boxes_3d[:, :7], detections.scores])
    return ''.join(' '.join(f'{number:.3f}' for number in row) + '\n' for row in rows)


def open_results(folder: Path) -> Callable[[Mapping[str, Any]], Detections | None]:
    """The results of a folder, sample by sample."""
    def of_sample(info: Mapping[str, Any]) -> Detections | None:
        path = folder / f'{Path(info["lidar_path"]).stem}.txt'
        if not path.is_file():
            return None
        boxes = read_boxes(path)
        scores = boxes[:, 7] if boxes.shape[1] == 8 else np.ones(len(boxes))
        return Detections.from_lists(boxes[:, :7], scores, ['car'] * len(boxes), ['car'])
    return of_sample


def is_results(path: Path) -> bool:
    """Whether a folder holds files of boxes: lines of numbers alone."""
    first = next(iter(sorted(path.glob('*.txt'))), None) if path.is_dir() else None
    return first is not None and first.read_text()[:1] in '-0123456789'


register_format('parking_lot', to_lines)
register_results('parking_lot', ResultFormat('a folder of parking-lot boxes', is_results,
                                             open_results))
