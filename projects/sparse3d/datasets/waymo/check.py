"""Checks of a prepared Waymo data set: files, counts, boxes against points and pictures, poses."""
from __future__ import annotations

import os
from collections import Counter
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from sparse3d.datasets.waymo.entry_faults import entry_faults
from sparse3d.datasets.waymo.frame import CAMERA_NAMES
from sparse3d.datasets.waymo.prepare.database import INDEX, PEOPLE_INDEX
from sparse3d.datasets.waymo.prepare.infos import CLASS_NAMES
from sparse3d.datasets.waymo.prepare.segments import SPLITS, repeated_segments
from sparse3d.errors import DataError
from sparse3d.preparation.check_report import CheckReport
from sparse3d.preparation.checks import check_content, check_prepared, judge_median, some_of
from sparse3d.structures.box_geometry import bev_corners, points_in_box
from sparse3d.structures.image_rectangles import rectangle_ious
from sparse3d.structures.projection import project_points
from sparse3d.transforms.data_paths import absent_files, path_inside
from sparse3d.transforms.point_files import load_points

COLUMNS = 6
FRAMES_TO_READ = 200      # per split; the whole data set is 200,000 frames of 4 MB
_FASTEST = 60.0           # of the vehicle [m/s]
# Labels are drawn on the motion-compensated cloud: a box holds the points that were counted
# in it. Turned by 90 degrees or shifted by half a height it holds about half of them.
_LEAST_MEDIAN_SHARE = 0.8
# Real pictures are distorted and read out line by line, which the pinhole does not know.
_LEAST_MEDIAN_OVERLAP = 0.5
_FOLDERS = {str(digit): folder for folder, (_, digit) in SPLITS.items()}


def check_waymo(root: str | os.PathLike, frames_to_read: int = FRAMES_TO_READ) -> CheckReport:
    """Check what :func:`prepare_waymo` wrote to ``root`` (its ``out``, mostly kitti_format).

    Looks for every file that is named; reads some point clouds, spread over each split,
    recounts the points in their boxes and projects the boxes into the pictures; follows the
    poses of the vehicle.

    Args:
        frames_to_read: per split, at most.
    """
    infos: dict[str, list[dict]] = {}
    report = check_prepared(
        Path(root), 'waymo', 'Waymo', partial(_check_split, frames_to_read, infos),
        left_out=('trainval',),  # train and val are looked at themselves
        databases={f'{INDEX}.pkl': COLUMNS, f'{PEOPLE_INDEX}.pkl': COLUMNS})
    for sentence in repeated_segments(infos):
        report.problem(sentence)
    return report


def _check_split(frames_to_read: int, infos: dict[str, list[dict]], info: dict, root: Path,
                 split: str, report: CheckReport) -> None:
    frames = info['data_list']
    infos[split] = [{key: frame[key] for key in ('sample_idx', 'context_name') if key in frame}
                    for frame in frames]
    stamp = info['metainfo'].get('stamp', {})
    segments = {frame.get('context_name', '') for frame in frames}
    report.fact(f'{split}: {len(frames)} frames of {len(segments)} segments, '
                f'source: {stamp.get("source", "not stamped")}')
    check_content(split, frames, report)
    for sentence in entry_faults(split, frames):
        report.problem(sentence)
    _describe_objects(frames, split, report)
    _check_files(frames, root, split, report)
    _check_motion(frames, split, report)
    some = some_of(frames, frames_to_read)
    _check_points(some, root, split, report)
    _check_projections(some, split, report)


def _describe_objects(frames: list[dict], split: str, report: CheckReport) -> None:
    objects = [item for frame in frames for item in frame.get('instances', [])]
    if not objects:
        report.fact(f'{split}: no labels')
        return
    counts = Counter(item['bbox_label_3d'] for item in objects)
    names = ', '.join(f'{name} {counts[label]}' for label, name in enumerate(CLASS_NAMES))
    people = sum('keypoints_3d' in item for item in objects)
    tracks = len({item['track_id'] for item in objects if 'track_id' in item})
    report.fact(f'{split}: {names}; {people} with keypoints; '
                f'{tracks or "no"} tracks')
    labels = {label for label in counts if not 0 <= label < len(CLASS_NAMES)}
    report.problems_of(f'labels of {split} are of no class', [str(label) for label in labels])
    flat = [str(item.get('track_id', '')) for item in objects if min(item['bbox_3d'][3:6]) <= 0]
    report.problems_of(f'boxes of {split} have a size of 0 or less', flat)


def _check_files(frames: list[dict], root: Path, split: str, report: CheckReport) -> None:
    clouds = [_path(root, 'velodyne', frame['lidar_points']['lidar_path']) for frame in frames]
    images = [_path(root, f'image_{CAMERA_NAMES.index(name.removeprefix("CAM_")) - 1}',
                    image['img_path'])
              for frame in frames for name, image in frame.get('images', {}).items()]
    for what, paths in (('point clouds', clouds), ('pictures', images)):
        report.problems_of(f'{what} of {split} are missing', list(map(str, absent_files(paths))))
    names = Counter(frame['lidar_points']['lidar_path'] for frame in frames)
    report.problems_of(f'frames of {split} are there twice',
                       [name for name, count in names.items() if count > 1])


def _check_motion(frames: list[dict], split: str, report: CheckReport) -> None:
    """Times rise and the vehicle moves as vehicles do; sweeps are the frames before."""
    backwards, jumps, strangers = [], [], []
    for before, frame in pairwise(frames):
        if frame.get('context_name') != before.get('context_name'):
            continue
        name = frame['lidar_points']['lidar_path']
        seconds = (frame['timestamp'] - before['timestamp']) * 1e-6
        if seconds <= 0:
            backwards.append(name)
            continue
        step = np.subtract(frame['ego2global'], before['ego2global'])[:3, 3]
        if np.linalg.norm(step) > _FASTEST * seconds:
            jumps.append(name)
        sweeps = frame.get('lidar_sweeps') or [{}]
        if sweeps[0].get('timestamp') != before['timestamp']:
            strangers.append(name)
    report.problems_of(f'frames of {split} are not later than the one before', backwards)
    report.problems_of(f'poses of {split} jump faster than {_FASTEST:g} m/s', jumps)
    report.problems_of(f'frames of {split} do not have the one before as newest sweep', strangers)


def _check_points(frames: list[dict], root: Path, split: str, report: CheckReport) -> None:
    damaged, shares, counts, farthest = [], [], [], 0.0
    for frame in frames:
        lidar = frame['lidar_points']
        try:
            points = load_points(_path(root, 'velodyne', lidar['lidar_path']), COLUMNS,
                                 lidar.get('contents', {}).get('velodyne'))
        except DataError as error:
            damaged.append(str(error))
            continue
        counts.append(len(points))
        farthest = max(farthest, float(np.abs(points[:, :2]).max(initial=0)))
        shares += _shares(frame, points)
    report.problems_of(f'point clouds of {split} are unusable', damaged)
    if counts:
        report.fact(f'{split}: {int(np.median(counts))} points a frame, at most {farthest:.1f} m '
                    f'ahead or aside ({len(counts)} frames read)')
    if counts and not max(counts) and any(frame.get('instances') for frame in frames):
        report.problem(f'{split} has labels but no points: fetch the component lidar and what '
                       f'belongs to it, then prepare again')
    if farthest > 1000:
        report.problem(f'points of {split} lie {farthest:.0f} m away: wrong columns or frame')
    judge_median(shares, split, _LEAST_MEDIAN_SHARE, report,
                 'boxes hold {median:.2f} of the points that were counted in them',
                 f'boxes of {split} do not hold their points: another yaw, size order, reference '
                 f'point or frame')


def _shares(frame: dict, points: np.ndarray) -> list[float]:
    """Found over counted points of the well-seen boxes."""
    return [len(points_in_box(points, np.array(item['bbox_3d']))) / item['num_lidar_pts']
            for item in frame.get('instances', []) if item.get('num_lidar_pts', 0) >= 20]


def _check_projections(frames: list[dict], split: str, report: CheckReport) -> None:
    overlaps = [_overlap(item, frame) for frame in frames
                for item in frame.get('instances', []) if np.any(item.get('bbox', 0))]
    overlaps = [overlap for overlap in overlaps if overlap is not None]
    judge_median(overlaps, split, _LEAST_MEDIAN_OVERLAP, report,
                 'projected boxes overlap the stored image boxes by {median:.2f}',
                 f'boxes of {split} do not project onto their objects: wrong calibration, camera '
                 f'order, yaw or size order')


def _overlap(item: dict, frame: dict) -> float | None:
    """IoU of the stored image box and the projected box; None if its camera is not there."""
    image = frame.get('images', {}).get(f'CAM_{CAMERA_NAMES[item["camera_id"] + 1]}')
    if image is None:
        return None
    projected = project_box(np.array(item['bbox_3d']), np.array(image['lidar2img']),
                            (image['height'], image['width']))
    if projected is None:
        return 0.0
    return float(rectangle_ious(np.array([projected]), np.array([item['bbox']]))[0, 0])


def project_box(box: np.ndarray, lidar2img: np.ndarray,
                size: tuple[int, int]) -> np.ndarray | None:
    """left, top, right, bottom [4] in pixels of a LiDAR box in a picture.

    None if no corner is in front of the camera or nothing falls into the picture.

    Args:
        lidar2img: (3 or 4, 4).
        size: height and width of the picture.
    """
    ground = bev_corners(box[None])[0]
    corners = np.concatenate([np.column_stack([ground, np.full(4, z)])
                              for z in (box[2], box[2] + box[5])])
    pixels, depth = project_points(corners, lidar2img)
    pixels = pixels[depth > .1]
    if not len(pixels):
        return None
    limits = np.array([size[1], size[0], size[1], size[0]])
    bounds = np.clip([*pixels.min(0), *pixels.max(0)], 0, limits)
    return bounds if (bounds[2:] > bounds[:2]).all() else None


def _path(root: Path, kind: str, name: str) -> Path:
    folder = _FOLDERS.get(name[:1])
    if folder is None:
        raise DataError(f'the file name {name!r} does not begin with the digit of a split')
    return path_inside(root / folder / kind, name)
