"""Checks of a prepared nuScenes data set: files, numbers, boxes against points and cameras."""
from __future__ import annotations

import os
from collections.abc import Iterable, Set
from functools import partial
from pathlib import Path

import numpy as np

from sparse3d.datasets.nuscenes.prepare.frames import DATABASE_INDEX
from sparse3d.errors import DataError
from sparse3d.preparation.check_report import CheckReport
from sparse3d.preparation.checks import check_prepared, some_of
from sparse3d.structures.box_conversions import center_to_lidar
from sparse3d.structures.box_geometry import points_in_box
from sparse3d.structures.projection import project_points
from sparse3d.transforms.data_paths import absent_files, path_inside
from sparse3d.transforms.image_files import image_file_fault, image_size
from sparse3d.transforms.point_files import load_points
from sparse3d.transforms.sweep_points import COLUMNS

SAMPLES_READ = 200        # point clouds that are recounted, spread over a split
_VEHICLES = range(0, 5)   # labels of car, truck, trailer, bus, construction_vehicle
_FASTEST = 70.0           # [m/s]
_LARGEST = 60.0           # side of a box [m]
_MOVING = 2.0             # from here on a vehicle drives where it points [m/s]
MIN_MOVING = 20           # vehicles from which headings can be judged
_TURNED = 20.0            # median angle between heading and velocity [degrees]
_RECOUNTED = (0.8, 1.25)  # points found in boxes by points recorded; 1.0 on real frames
_LEAST_SEEN = 0.7         # of the objects near the car by any of six cameras
_NEAR = 40.0              # [m]
_TILT, _SHIFT = 5.0, 3.0  # of a camera against its calibration: the car moves meanwhile


def check_nuscenes(root: str | os.PathLike, min_moving: int = MIN_MOVING) -> CheckReport:
    """Check what :func:`sparse3d.datasets.nuscenes.prepare.prepare_nuscenes` wrote to ``root``.

    Looks for every file that is named, for impossible numbers, for headings and sizes in
    another convention (boxes of mmdet3d 0.x), recounts the points in boxes of up to 200
    samples of each split, projects boxes into the cameras, reads the database.

    Args:
        root: of the prepared data set.
        min_moving: moving vehicles of a split from which their headings are judged.
    """
    return check_prepared(Path(root), 'nuscenes', 'nuScenes', partial(_check_split, min_moving),
                          databases={DATABASE_INDEX: COLUMNS})


def _check_split(min_moving: int, info: dict, root: Path, split: str, report: CheckReport) -> None:
    entries = info['data_list']
    stamp = info['metainfo'].get('stamp', {})
    objects = [item for entry in entries for item in _known(entry)]
    without = sum(item['num_lidar_pts'] == 0 for item in objects)
    unknown = int(np.isnan([item['velocity'][0] for item in objects]).sum())
    report.fact(f'{split}: {len(entries)} samples of '
                f'{len({entry.get("scene_token") for entry in entries})} scene(s), '
                f'{len(objects)} objects ({without} without a point, {unknown} of unknown '
                f'velocity), source: {stamp.get("source", "not stamped")}')
    if entries and 'scene_token' not in entries[0]:
        report.fact(f'{split}: made by mmdet3d itself; serves models of a single frame, others '
                    f'need "sparse3d create-data nuscenes {root}"')
    lidar = stamp.get('options', {}).get('lidar', True)
    cameras = sorted({camera for entry in entries for camera in entry.get('images', {})})
    report.fact(f'{split}: {"LIDAR_TOP" if lidar else "no point clouds"}; '
                f'{len(cameras)} cameras{": " if cameras else ""}{", ".join(cameras)}')
    _check_content(entries, objects, split, lidar, report)
    missing = _missing_files(entries, root, lidar)
    report.problems_of(f'files of {split} are missing', missing)
    report.problems_of(f'pictures of {split} cannot be used',
                       damaged_pictures(entries, root, set(missing)))
    _check_numbers(entries, objects, split, report)
    _check_convention(objects, split, min_moving, report)
    _check_points(entries, root, split, report)
    _check_cameras(entries, split, report)


def _known(entry: dict) -> list[dict]:
    return [item for item in entry.get('instances', ()) if item['bbox_label_3d'] >= 0]


def _check_content(entries: list[dict], objects: list[dict], split: str, lidar: bool,
                   report: CheckReport) -> None:
    """What nobody can learn from: no frames, no pictures, no ground truth."""
    if not entries:
        report.problem(f'{split} has no sample')
        return
    if not lidar and not any(entry.get('images') for entry in entries):
        report.problem(f'{split} has neither point clouds nor pictures')
    if split == 'test' and not any(entry.get('instances') for entry in entries):
        return  # its annotations are kept back
    if not objects:
        report.problem(f'no object of {split} has one of the ten classes of nuScenes: there is '
                       f'no ground truth')
    elif not any(item['num_lidar_pts'] for item in objects):
        report.problem(f'none of the {len(objects)} objects of {split} has a LiDAR point '
                       f'(num_lidar_pts 0): all are left out of the ground truth, unless the '
                       f"data set of the config says objects='all'")


def _pictures(entry: dict) -> Iterable[str]:
    for camera, image in entry.get('images', {}).items():
        yield f'samples/{camera}/{image["img_path"]}'
    for sweep in entry.get('image_sweeps', ()):
        for image in sweep['images'].values():
            yield image['img_path']


def _clouds(entry: dict) -> Iterable[str]:
    yield f'samples/LIDAR_TOP/{entry["lidar_points"]["lidar_path"]}'
    for sweep in entry.get('lidar_sweeps', ()):
        yield sweep['lidar_points']['lidar_path']


def damaged_pictures(entries: list[dict], root: Path, absent: Set[str] = frozenset(),
                     ) -> list[str]:
    """Sentences on pictures that are empty or cut short, or of 16 bits, by their ends; and on
    the first picture of each camera, if it has another size than the tables say."""
    damaged, sized = [], set()
    for name in dict.fromkeys(name for entry in entries for name in _pictures(entry)):
        fault = image_file_fault(path_inside(root, name), True) if name not in absent else None
        if fault is not None:
            damaged.append(f'{name} {fault}')
    for entry in entries:
        for camera, image in entry.get('images', {}).items():
            name = f'samples/{camera}/{image["img_path"]}'
            if camera in sized or name in absent or not image.get('height'):
                continue
            sized.add(camera)
            try:
                height, width = image_size(path_inside(root, name))
            except DataError as error:
                damaged += [str(error)] if not any(name in text for text in damaged) else []
                continue
            if (height, width) != (image['height'], image['width']):
                damaged.append(f'{name} has {width} x {height} pixels as stored, its record '
                               f'{image["width"]} x {image["height"]}')
    return damaged


def _missing_files(entries: list[dict], root: Path, lidar: bool) -> list[str]:
    names = sorted({name for entry in entries
                    for name in (*(_clouds(entry) if lidar else ()), *_pictures(entry))})
    absent = set(absent_files(path_inside(root, name) for name in names))
    return [name for name in names if path_inside(root, name) in absent]


def _check_numbers(entries: list[dict], objects: list[dict], split: str,
                   report: CheckReport) -> None:
    boxes = np.array([item['bbox_3d'][:7] for item in objects]).reshape(-1, 7)
    speeds = np.array([np.hypot(*item['velocity'][:2]) for item in objects])
    bad = ~np.isfinite(boxes).all(axis=1) | (boxes[:, 3:6] <= 0).any(axis=1) | (
        boxes[:, 3:6] > _LARGEST).any(axis=1) | (np.nan_to_num(speeds) > _FASTEST)
    report.problems_of(f'objects of {split} have impossible sizes, places or speeds',
                       [objects[row].get('token', str(row)) for row in np.flatnonzero(bad)])
    late, skewed = [], []
    for entry in entries:
        ages = [entry['timestamp'] - sweep['timestamp'] for sweep in entry.get('lidar_sweeps', ())]
        if ages and (min(ages) <= 0 or max(ages) > 2 or ages != sorted(ages)):
            late.append(entry['token'])
        matrices = [entry['ego2global'], entry['lidar_points']['lidar2ego'],
                    *(sweep['lidar_points']['lidar2sensor']
                      for sweep in entry.get('lidar_sweeps', ())),
                    *(image['lidar2cam'] for image in entry.get('images', {}).values())]
        if not all(map(_is_rigid, matrices)):
            skewed.append(entry['token'])
    report.problems_of(f'samples of {split} have sweeps that are not from the two seconds before '
                       f'(times in microseconds?)', late)
    report.problems_of(f'samples of {split} have poses that are no rotation and translation',
                       skewed)


def _is_rigid(matrix: list) -> bool:
    rotation = np.array(matrix, dtype=np.float64)[:3, :3]
    return bool(np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3)
                and np.linalg.det(rotation) > 0)


def _check_convention(objects: list[dict], split: str, min_moving: int,
                      report: CheckReport) -> None:
    vehicles = [item for item in objects if item['bbox_label_3d'] in _VEHICLES]
    if not vehicles:
        return
    boxes = np.array([item['bbox_3d'][:7] for item in vehicles])
    if np.median(boxes[:, 3] / boxes[:, 4]) < 1:
        report.problem(f'vehicles of {split} are wider than long: sizes are in another order '
                       f'(mmdet3d 0.x)')
    velocity = np.array([item['velocity'][:2] for item in vehicles])
    moving = np.nan_to_num(np.hypot(*velocity.T)) > _MOVING
    if moving.sum() < min_moving:
        return
    difference = np.arctan2(velocity[moving, 1], velocity[moving, 0]) - boxes[moving, 6]
    angle = float(np.degrees(np.median(np.abs(np.angle(np.exp(1j * difference))))))
    report.fact(f'{split}: {int(moving.sum())} moving vehicles point {angle:.1f} degrees off '
                f'where they drive (median)')
    if angle > _TURNED:
        report.problem(f'vehicles of {split} do not point where they drive: yaw is in another '
                       f'convention (mmdet3d 0.x)')


def _check_points(entries: list[dict], root: Path, split: str, report: CheckReport) -> None:
    chosen = some_of(entries, SAMPLES_READ)
    recorded, recounted, damaged = 0, 0, []
    for entry in chosen:
        path = path_inside(root / 'samples/LIDAR_TOP', entry['lidar_points']['lidar_path'])
        try:
            points = load_points(path, COLUMNS)
        except DataError as error:
            if path.is_file():  # absent ones are reported already
                damaged.append(str(error))
            continue
        items = _known(entry)
        boxes = center_to_lidar(np.array([item['bbox_3d'][:7] for item in items]).reshape(-1, 7))
        recorded += sum(item['num_lidar_pts'] for item in items)
        recounted += sum(len(points_in_box(points, box)) for box in boxes)
    report.problems_of(f'point clouds of {split} are unusable', damaged)
    if not recorded:
        return
    share = recounted / recorded
    report.fact(f'{split}: boxes of {len(chosen)} samples hold {share:.2f} of the points that '
                f'were recorded')
    if not _RECOUNTED[0] <= share <= _RECOUNTED[1]:
        report.problem(f'boxes of {split} hold other points than recorded: another yaw, size '
                       f'order, center or calibration')


def _check_cameras(entries: list[dict], split: str, report: CheckReport) -> None:
    near, seen, turned = 0, 0, []
    for entry in entries:
        images = entry.get('images', {})
        lidar2ego = np.array(entry['lidar_points']['lidar2ego'])
        for camera, image in images.items():
            fixed = np.linalg.inv(np.array(image['cam2ego'])) @ lidar2ego
            if not _agree(np.array(image['lidar2cam']), fixed):
                turned.append(f'{camera} of {entry["token"]}')
        if len(images) >= 6:
            centers = np.array([item['bbox_3d'][:3] for item in _known(entry)
                                if np.hypot(*item['bbox_3d'][:2]) < _NEAR]).reshape(-1, 3)
            near += len(centers)
            seen += int(np.any([_sees(image, centers) for image in images.values()], axis=0).sum())
    report.problems_of(f'cameras of {split} look elsewhere than their calibration says', turned)
    if near:
        report.fact(f'{split}: {seen / near:.2f} of {near} objects within {_NEAR:.0f} m are seen '
                    f'by a camera')
        if seen / near < _LEAST_SEEN:
            report.problem(f'most objects of {split} project outside all images: wrong '
                           f'calibration or box frame')


def _agree(first: np.ndarray, second: np.ndarray) -> bool:
    turn = first[:3, :3] @ second[:3, :3].T
    angle = np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1)))
    return bool(angle < _TILT and np.linalg.norm(first[:3, 3] - second[:3, 3]) < _SHIFT)


def _sees(image: dict, centers: np.ndarray) -> np.ndarray:
    """Which points (N, 3) of the LiDAR frame lie inside an image, with a margin of a tenth."""
    matrix = np.array(image['cam2img'])[:3, :3]
    pixels, depth = project_points(centers, matrix @ np.array(image['lidar2cam'])[:3])
    size = np.array([image.get('width') or 2 * matrix[0, 2],
                     image.get('height') or 2 * matrix[1, 2]])
    return (depth > 0) & (np.abs(pixels - size / 2) < .6 * size).all(1)
