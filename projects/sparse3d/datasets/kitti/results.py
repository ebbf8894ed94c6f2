"""Detections in the format of the KITTI server, one text per image."""
from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sparse3d.atomic_files import make_folder, write_bytes_atomically
from sparse3d.datasets.kitti.evaluate.annotations import KittiObjects
from sparse3d.datasets.kitti.evaluate.projection import lidar_boxes_to_kitti
from sparse3d.datasets.kitti.prepare.text import KITTI_TYPES, read_labels, read_lines
from sparse3d.datasets.kitti.sequence_results import Sequences
from sparse3d.errors import DataError
from sparse3d.structures.box_conversions import (
    kitti_camera_to_lidar,
    lidar_to_kitti_camera,
    wrap_angle,
)
from sparse3d.structures.detection_formats import finite_number, register_file, register_format
from sparse3d.structures.detections import Detections
from sparse3d.structures.given_matrix import camera_place
from sparse3d.structures.own_results import holds_own
from sparse3d.structures.result_files import ResultFormat, register_results
from sparse3d.transforms.data_paths import file_name

# A camera in the place of the LiDAR, looking along x.
NOMINAL_CAMERA = np.array([[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])


def format_detections(detections: KittiObjects) -> str:
    """The 16 columns of each detection, truncated and occluded unknown (-1)."""
    return ''.join(_line(detections, row) for row in range(len(detections)))


def name_in_file(name: str) -> str:
    """A class name as one word, as the columns of the format need it: blanks become underscores."""
    return '_'.join(str(name).split()) or '_'


def write_submission(frames: Mapping[int | str, KittiObjects], folder: str | os.PathLike) -> None:
    """Write ``<folder>/<6-digit id>.txt`` for each frame, also where nothing was found.

    A frame whose id is a name gets a file of that name.

    Each file appears as a whole or not at all.

    Raises:
        DataError: if the folder or a file cannot be written.
    """
    folder = Path(folder)
    try:
        make_folder(folder)
    except OSError as error:
        raise DataError(f'the folder {folder} for result files cannot be made: '
                        f'{error.strerror}') from error
    for frame, detections in frames.items():
        name = f'{frame:06d}' if isinstance(frame, int) else file_name(frame)
        write_bytes_atomically(folder / f'{name}.txt', format_detections(detections).encode())


def to_kitti(detections: Detections, camera: Mapping | None = None) -> str:
    """Lines of a KITTI result file; blanks in class names become underscores.

    Args:
        camera: ``lidar2cam`` (4, 4), ``cam2img`` (3 or 4, 4), ``height``, ``width``; boxes
            outside its image are left out. None assumes a camera in the place of the
            LiDAR that looks along x; all boxes are written, their image boxes as -1.
    """
    if camera is not None:
        objects = lidar_boxes_to_kitti(detections.boxes_3d, detections.scores, detections.labels,
                                       detections.class_names, camera)
        return format_detections(objects)
    boxes = lidar_to_kitti_camera(detections.boxes_3d[:, :7], NOMINAL_CAMERA)
    sight = np.arctan2(boxes[:, 0], boxes[:, 2])
    return format_detections(KittiObjects.from_arrays(dict(
        name=detections.names, bbox=np.full((len(boxes), 4), -1.0), location=boxes[:, :3],
        dimensions=boxes[:, 3:6], rotation_y=boxes[:, 6],
        alpha=wrap_angle(boxes[:, 6] - sight), score=detections.scores)))


def from_kitti(text: str, class_names: Sequence[str],
               camera: Mapping | None = None) -> Detections:
    """The inverse of :func:`to_kitti`, for result lines (16 columns) and labels (15).

    Raises:
        DataError: for a line with another number of columns, a word that is no finite number, or
            an unknown class.
    """
    rows = [line.split() for line in text.splitlines() if line.strip()]
    for row in rows:
        if len(row) not in (15, 16):
            raise DataError(f'a line of a KITTI file has 15 or 16 columns, not {len(row)}')
    numbers = np.array([[finite_number(value, 'a column of a KITTI file') for value in row[8:15]]
                        for row in rows]).reshape(-1, 7)
    matrix = NOMINAL_CAMERA if camera is None else camera_place(camera)
    boxes = kitti_camera_to_lidar(numbers[:, [3, 4, 5, 2, 0, 1, 6]], matrix)
    words = {name_in_file(name): name for name in class_names}
    scores = [finite_number(row[15], 'a score') if len(row) == 16 else 1.0 for row in rows]
    return Detections.from_lists(boxes, scores, [words.get(row[0], row[0]) for row in rows],
                                 class_names)


def save_text(detections: Detections, path: Path, camera: Mapping | None = None) -> None:
    """Write the lines of :func:`to_kitti`."""
    write_bytes_atomically(path, to_kitti(detections, camera).encode())


def read_text(path: Path, class_names: Sequence[str] | None = None,
              camera: Mapping | None = None) -> Detections:
    """The inverse of :func:`save_text`.

    Raises:
        DataError: without ``class_names``, or if a line is not of a result file.
    """
    if class_names is None:
        raise DataError(f'{path} does not say which classes there are; give class_names')
    try:
        return from_kitti(path.read_text(), class_names, camera)
    except ValueError as error:  # no text, or no numbers
        raise DataError(f'{path} holds no result lines of KITTI: {error}') from error


def read_official(path: Path, camera: Mapping | None = None) -> Detections:
    """An official label file (15 columns) or result file (16), with KITTI's eight types.

    DontCare marks regions without labels and is left out; objects of a label file get score 1.

    Args:
        path: of the file, ``label_2/000123.txt``.
        camera: with ``lidar2cam`` (4, 4), LiDAR frame to rectified camera frame; without it a
            camera in the place of the LiDAR is assumed.

    Raises:
        DataError: naming the line that is not one of KITTI.
    """
    objects = [item for item in read_labels(path) if item.type != 'DontCare']
    matrix = NOMINAL_CAMERA if camera is None else camera_place(camera)
    boxes = kitti_camera_to_lidar(
        np.array([item.camera_box for item in objects]).reshape(-1, 7), matrix)
    with_score = any(len(line.split()) == 16 for line in read_lines(path))
    scores = [item.score if with_score else 1.0 for item in objects]
    found = Detections.from_lists(boxes, scores, [item.type for item in objects], KITTI_TYPES[:-1])
    return replace(found, name=path.stem)


def _line(detections: KittiObjects, row: int) -> str:
    length, height, width = detections.dimensions[row]
    numbers = (detections.alpha[row], *detections.bbox[row], height, width, length,
               *detections.location[row], detections.rotation_y[row])
    columns = ' '.join(f'{number:.4f}' for number in numbers)
    return f'{name_in_file(detections.name[row])} -1 -1 {columns} {detections.score[row]:.6f}\n'


class ResultFolder:
    """A folder of result files, one per frame; a frame without a file has no entry.

    Of the tracking layout see :class:`sparse3d.datasets.kitti.sequence_results.Sequences`.

    Args:
        folder: of the files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._sequences = folder, Sequences(folder, read_official)
        self._read: set[str] = set()

    def __call__(self, info: Mapping) -> Detections | None:
        """The detections of a frame by its description."""
        if 'sequence' in info:
            return self._sequences.of_frame(info)
        camera = info if 'lidar2cam' in info else info['images']['CAM2']
        path = self._folder / f'{Path(info["lidar_path"]).stem}.txt'
        self._read.add(path.stem)
        return read_official(path, dict(lidar2cam=np.asarray(camera['lidar2cam']))) \
            if path.is_file() else None

    @property
    def unread(self) -> set[str]:
        """Names of the frames that nobody has asked for."""
        if self._sequences.requested:
            return self._sequences.unread()
        return {path.stem for path in self._folder.glob('*.txt')} - self._read


register_results('kitti', ResultFormat(
    'a folder of result files of KITTI (.txt)',
    lambda path: path.is_dir() and not holds_own(path) and (
        any(path.glob('*.txt')) or any(path.glob('*/*.txt'))), ResultFolder))
register_format('kitti', to_kitti, from_kitti, read_official)
register_file('.txt', save_text, read_text)
