"""Result files in the format of the KITTI server, one text per image."""
from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.datasets.kitti.evaluate.annotations import KittiObjects
from sparse3d.errors import DataError


def format_detections(detections: KittiObjects) -> str:
    """The 16 columns of each detection, truncated and occluded unknown (-1)."""
    return ''.join(_line(detections, row) for row in range(len(detections)))


def name_in_file(name: str) -> str:
    """A class name as one word, as the columns of the format need it: blanks become underscores."""
    return '_'.join(str(name).split()) or '_'


def write_submission(frames: Mapping[int, KittiObjects], folder: str | os.PathLike) -> None:
    """Write ``<folder>/<6-digit id>.txt`` for each frame, also where nothing was found.

    Each file appears as a whole or not at all.

    Raises:
        DataError: if the folder or a file cannot be written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f'the folder {folder} for result files cannot be made: '
                        f'{error.strerror}') from error
    for frame, detections in frames.items():
        write_bytes_atomically(folder / f'{frame:06d}.txt', format_detections(detections).encode())


def _line(detections: KittiObjects, row: int) -> str:
    length, height, width = detections.dimensions[row]
    numbers = (detections.alpha[row], *detections.bbox[row], height, width, length,
               *detections.location[row], detections.rotation_y[row])
    columns = ' '.join(f'{number:.4f}' for number in numbers)
    return f'{name_in_file(detections.name[row])} -1 -1 {columns} {detections.score[row]:.6f}\n'
