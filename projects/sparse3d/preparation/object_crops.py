"""Pictures of the objects in a ground-truth database, for pasting them into other images.

To be run after the preparation of a data set: cuts the rectangle round each object out of
every camera's image that shows it, and notes in the database's index where it was.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sparse3d.atomic_files import make_folder, write_bytes_atomically
from sparse3d.errors import DataError
from sparse3d.parallel.pool import run_parallel
from sparse3d.structures.image_rectangles import (
    clip_rectangles,
    project_rectangles,
    rectangle_areas,
)
from sparse3d.transforms.data_paths import file_name, path_inside, posix_path
from sparse3d.transforms.image_files import decode_image
from sparse3d.transforms.info_files import read_info_file, read_plain_file, write_plain_file
from sparse3d.transforms.point_files import read_bytes

LEAST_SHARE = 0.1   # of an object that an image shows, to be cut out of it
LEAST_SIDE = 2      # pixels
_JPEG_QUALITY = 95


def prepare_object_images(root: str | os.PathLike, dataset: str, image_folder: Callable[[str], str],
                          workers: int = 1) -> dict:
    """Cut out the objects of ``<dataset>_dbinfos_train.pkl`` in a prepared data set.

    Writes ``<dataset>_gt_images/`` and adds ``crops`` to every entry of the index: a list of

    - ``camera``, ``path`` relative to ``root``;
    - ``rectangle``: left, top, right, bottom of the whole projected box, in pixels of the
      source image, which it may leave;
    - ``window``: the whole pixels that were cut out;
    - ``lidar2img`` (4, 4) float64 of the source image.

    Args:
        root: folder of the prepared data set.
        dataset: name of the data set, with which its files begin.
        image_folder: where the images of a camera lie, below ``root``.
        workers: number of processes.

    Returns:
        ``dict(objects=..., crops=...)``, how many.

    Raises:
        DataError: if the index, the info file or an image is missing or damaged.
    """
    root = Path(root)
    index_path = root / f'{dataset}_dbinfos_train.pkl'
    index = read_plain_file(index_path)
    frames = _frames(read_info_file(root / f'{dataset}_infos_train.pkl', dataset), image_folder)
    entries_of: dict[Any, list[dict]] = {}
    for entries in index.values():
        for entry in entries:
            entries_of.setdefault(entry['image_idx'], []).append(entry)
    missing = [name for name in entries_of if name not in frames]
    if missing:
        raise DataError(f'{index_path} has objects of the frame {missing[0]!r}, which the info '
                        f'file lacks; make both again with sparse3d create-data {dataset}')
    make_folder(root / f'{dataset}_gt_images')
    work = [(frames[name], entries) for name, entries in entries_of.items()]
    function = partial(_cut_frame, root=root, folder=f'{dataset}_gt_images')
    count = 0
    results = run_parallel(function, work, workers, f'{dataset} object images')
    for (_, entries), crops_of in zip(work, results, strict=True):
        if isinstance(crops_of, DataError):
            raise crops_of
        for entry, crops in zip(entries, crops_of, strict=True):
            entry['crops'] = crops
            count += len(crops)
    write_plain_file(index_path, index)
    return dict(objects=sum(map(len, index.values())), crops=count)


def _frames(info: Mapping, image_folder: Callable[[str], str],
            ) -> dict[Any, dict[str, tuple[str, np.ndarray]]]:
    """Of each frame the cameras: path relative to the root and ``lidar2img``."""
    frames = {}
    for entry in info['data_list']:
        cameras = {}
        for name, image in entry['images'].items():
            if not isinstance(image, Mapping) or 'img_path' not in image:
                continue  # a camera without images, a matrix of its own
            cameras[name] = (f'{image_folder(name)}/{posix_path(image["img_path"]).name}',
                             _lidar2img(image))
        for key in ('token', 'sample_idx'):  # ours and mmdet3d's databases name frames so
            if key in entry:
                frames[entry[key]] = cameras
    return frames


def _lidar2img(image: Mapping) -> np.ndarray:
    cam2img = np.eye(4)
    given = np.asarray(image['cam2img'], dtype=np.float64)
    cam2img[:given.shape[0], :given.shape[1]] = given
    return cam2img @ np.asarray(image['lidar2cam'], dtype=np.float64)


def _cut_frame(work: tuple[dict, list[dict]], root: Path, folder: str) -> list[list[dict]]:
    cameras, entries = work
    boxes = np.stack([entry['box3d_lidar'][:7] for entry in entries])
    crops: list[list[dict]] = [[] for _ in entries]
    for camera, (path, lidar2img) in cameras.items():
        rectangles, complete = project_rectangles(boxes, lidar2img)
        if not complete.any():
            continue
        file = path_inside(root, path)
        image = decode_image(read_bytes(file), file)
        clipped = clip_rectangles(rectangles, image.shape[:2])
        shares = rectangle_areas(clipped) / np.maximum(rectangle_areas(rectangles), 1e-9)
        for row in np.flatnonzero(complete & (shares >= LEAST_SHARE)):
            low, high = np.floor(clipped[row, :2]), np.ceil(clipped[row, 2:])
            window = [int(number) for number in (*low, *high)]
            if min(high - low) < LEAST_SIDE:
                continue
            name = file_name(f'{Path(entries[row]["path"]).stem}_{camera}{Path(path).suffix}')
            name = f'{folder}/{name}'
            _write_image(path_inside(root, name), image[window[1]:window[3], window[0]:window[2]])
            crops[row].append(dict(camera=camera, path=name, rectangle=rectangles[row].tolist(),
                                   window=window, lidar2img=lidar2img.tolist()))
    return crops


def _write_image(path: Path, image: np.ndarray) -> None:
    written, content = cv2.imencode(path.suffix, image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not written:
        raise DataError(f'{path} cannot be encoded as {path.suffix}')
    write_bytes_atomically(path, content.tobytes())
