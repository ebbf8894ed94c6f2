"""Detections written to files: numbers and pictures."""
from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import numpy as np

from sparse3d.apis.formats import to_csv, to_dicts, to_kitti
from sparse3d.atomic_files import atomic_file, write_bytes_atomically
from sparse3d.errors import DataError
from sparse3d.structures.detections import Detections
from sparse3d.visualization import Frame, SceneRenderer, draw_bev
from sparse3d.visualization.frame import Boxes

NUMBERS = ('.json', '.csv', '.npz', '.txt')
VECTOR_PICTURES = ('.svg', '.pdf')


def save(detections: Detections, path: str | PathLike, camera: Mapping | None = None) -> Path:
    """Write ``.json``, ``.csv``, ``.npz``, ``.txt`` (KITTI), ``.png``, ``.svg`` or ``.pdf``.

    ``.json`` and ``.csv`` are labels that a custom data set takes again.

    Raises:
        DataError: for another suffix, or if the file cannot be written.
        BackendUnavailable: for ``.png`` where open3d cannot render.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = path.suffix.lower()
    if suffix == '.json':
        content = dict(
            frame=detections.name,
            class_names=detections.class_names,
            detections=to_dicts(detections),
        )
        write_bytes_atomically(path, (json.dumps(content, indent=1) + '\n').encode())
    elif suffix == '.csv':
        write_bytes_atomically(path, to_csv(detections).encode())
    elif suffix == '.txt':
        write_bytes_atomically(path, to_kitti(detections, camera).encode())
    elif suffix == '.npz':
        _save_arrays(detections, path)
    elif suffix == '.png':
        SceneRenderer().draw(frame_of(detections), path)
    elif suffix in VECTOR_PICTURES:
        draw_bev(frame_of(detections), path)
    else:
        raise DataError(f'{path} cannot be written: detections are saved as '
                        f'{", ".join((*NUMBERS, ".png", *VECTOR_PICTURES))}')
    return path


def frame_of(detections: Detections) -> Frame:
    """Something to draw; without points the boxes stand in an empty scene."""
    points = np.zeros((0, 4), np.float32) if detections.points is None else detections.points
    return Frame(detections.name, points, detections.class_names,
                 detections=Boxes(detections.boxes_3d, detections.labels, detections.scores))


def _save_arrays(detections: Detections, path: Path) -> None:
    arrays = dict(boxes_3d=detections.boxes_3d, scores=detections.scores, labels=detections.labels,
                  class_names=np.array(detections.class_names))
    for name in ('keypoints_3d', 'keypoint_visibility'):
        if getattr(detections, name) is not None:
            arrays[name] = getattr(detections, name)
    with atomic_file(path) as stream:
        np.savez(stream, **arrays)
