"""Cameras of a custom data set: pictures that can be read, boxes that project into them."""
from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from sparse3d.errors import DataError
from sparse3d.preparation.check_report import CheckReport
from sparse3d.preparation.checks import some_of
from sparse3d.structures.box_conversions import lidar_to_center
from sparse3d.structures.projection import inside_image, project_points
from sparse3d.transforms.data_paths import path_inside
from sparse3d.transforms.image_files import image_file_fault, image_size

_MIN_BOXES = 2        # from which a rig that sees no box at all is a fault
_MAX_PICTURES = 20   # of a camera that are decoded, spread evenly
_OFF_CENTER = 0.3    # of width and height: twice or half the size puts the center at 1 or 0.25
_MIN_BOXES_ALONE = 50  # from which one camera among others is


def check_cameras(infos: list[dict], root: Path, split: str, report: CheckReport) -> None:
    """Look at every picture's ends, at the size of some of each camera and whether its matrix is
    of that size, and where the centers of boxes project to.

    Args:
        infos: entries of an info file; absent pictures are reported elsewhere.
        root: of the data set.
        split: for the sentences.
        report: gets facts and problems.
    """
    files = {(camera, image['img_path']): image for info in infos
             for camera, image in info.get('images', {}).items()
             if path_inside(root, image['img_path']).is_file()}
    if not files:
        return
    damaged = [f'{path} {fault}' for _, path in files
               if (fault := image_file_fault(path_inside(root, path), True)) is not None]
    sizes = _sizes(files, root, damaged, split, report)
    report.problems_of(f'pictures of {split} cannot be used', damaged)
    seen, boxes = Counter(), 0
    anywhere = 0
    for info in infos:
        centers = _centers(info)
        inside = {camera: _sees(image, centers, sizes.get(camera))
                  for camera, image in info.get('images', {}).items()}
        if inside:
            boxes += len(centers)
            anywhere += int(np.any(list(inside.values()), axis=0).sum())
            seen.update({camera: int(rows.sum()) for camera, rows in inside.items()})
    if not boxes:
        return
    counts = ', '.join(f'{camera} {count}' for camera, count in sorted(seen.items()))
    report.fact(f'{split}: {anywhere} of {boxes} boxes project into a picture ({counts})')
    if not anywhere and boxes >= _MIN_BOXES:
        report.problem(f'none of the {boxes} boxes of {split} projects into a picture of '
                       f'{", ".join(sorted(seen))}: wrong calibration (lidar2cam the other way '
                       f'round?) or box frame')
    elif boxes >= _MIN_BOXES_ALONE:
        blind = [camera for camera, count in sorted(seen.items()) if not count]
        report.problems_of(f'cameras of {split} see none of {boxes} boxes: wrong calibration?',
                           blind)


def _sizes(files: dict, root: Path, damaged: list[str], split: str,
           report: CheckReport) -> dict[str, tuple[int, int]]:
    """Height and width of the pictures of each camera; what cannot be right is noted."""
    paths: dict[str, list[str]] = {}
    for camera, path in files:
        paths.setdefault(camera, []).append(path)
    sizes: dict[str, tuple[int, int]] = {}
    for camera, names in paths.items():
        for path in some_of(names, _MAX_PICTURES):
            try:
                size = image_size(path_inside(root, path))
            except DataError as error:
                if not any(text.startswith(f'{path} ') for text in damaged):
                    damaged.append(str(error))
                continue
            first = sizes.setdefault(camera, size)
            if size != first:
                report.problem(f'pictures of {camera} in {split} have other sizes than the one '
                               f'calibration is for: {first[1]} x {first[0]}, and {path} '
                               f'{size[1]} x {size[0]}; make them one size')
                break
        if camera in sizes:
            _compare_center(files[camera, names[0]], camera, sizes[camera], split, report)
    return sizes


def _compare_center(image: dict, camera: str, size: tuple[int, int], split: str,
                    report: CheckReport) -> None:
    """The optical axis meets a picture near its middle; a crop moves it along one side only."""
    center = image['cam2img'][0][2], image['cam2img'][1][2]
    shares = [place / length for place, length in zip(center, reversed(size), strict=True)]
    if min(shares) > 1 - _OFF_CENTER or 0 < max(shares) < _OFF_CENTER:
        report.problem(f'cam2img of {camera} has its center at {center[0]:.0f}, {center[1]:.0f}, '
                       f'and pictures of {split} have {size[1]} x {size[0]} pixels: is it of '
                       f'pictures of another size? Scale its first two rows as the pictures were')


def _centers(info: dict) -> np.ndarray:
    boxes = np.array([item['bbox_3d'] for item in info.get('instances', ())]).reshape(-1, 7)
    return lidar_to_center(boxes)[:, :3]


def _sees(image: dict, centers: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """Which centers (N, 3) lie inside a picture; its size follows from the matrix if unknown."""
    size = size or (2 * image['cam2img'][1][2], 2 * image['cam2img'][0][2])
    return inside_image(*project_points(centers, np.array(image['lidar2img'], np.float64)), size)
