"""Checks of a prepared KITTI data set: files, counts, boxes against points and images."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from sparse3d.datasets.kitti.prepare.camera_instances import project_box
from sparse3d.datasets.kitti.prepare.files import SPLITS
from sparse3d.datasets.kitti.prepare.frames import DATABASE_INDEX
from sparse3d.errors import DataError
from sparse3d.preparation.check_report import CheckReport
from sparse3d.preparation.checks import (
    check_content,
    check_prepared,
    judge_median,
    judge_without_points,
)
from sparse3d.structures.box_conversions import kitti_camera_to_lidar
from sparse3d.structures.box_geometry import points_in_box
from sparse3d.structures.image_rectangles import rectangle_ious
from sparse3d.transforms.point_files import load_points

# A label's image box was drawn around the object, the projected one around its 3D box:
# 0.96 on real frames, below 0.7 when length and width are swapped.
_LEAST_MEDIAN_OVERLAP = 0.8
_FARTHEST_STEP = 8.0  # of an object in a tenth of a second, with a wrong box or two [m]


def check_kitti(root: str | os.PathLike) -> CheckReport:
    """Check what :func:`sparse3d.datasets.kitti.prepare.prepare_kitti` wrote to ``root``.

    Looks for every file that is named, recounts the points in every box, projects the
    boxes into the images and reads the ground-truth database. Reading 7,481 frames
    takes some minutes.
    """
    names: dict[str, list[str]] = {}

    def check_split(info: dict, root: Path, split: str, report: CheckReport) -> None:
        names[split] = [frame['lidar_points']['lidar_path'] for frame in info['data_list']]
        if split == 'val':
            options = info['metainfo'].get('stamp', {}).get('options', {})
            _compare_with_train(names, bool(options.get('all_frames')), report)
        _check_split(info, root, split, report)

    drives = any(Path(root).glob('kitti_tracking_infos_*.pkl'))
    return check_prepared(Path(root), 'kitti', 'KITTI tracking' if drives else 'KITTI',
                          check_split, splits=SPLITS, databases={DATABASE_INDEX: 4},
                          prefix='kitti_tracking' if drives else None)


def _compare_with_train(names: dict[str, list[str]], wanted: bool, report: CheckReport) -> None:
    """Scores of frames that were learned say nothing; ``--all-frames`` wants them all the same."""
    shared = sorted(set(names.get('train', [])) & set(names['val']))
    if shared:
        say = report.fact if wanted else report.problem
        say(f'{len(shared)} of {len(names["val"])} frames of val are in train too '
            f'({Path(shared[0]).stem}{", ..." if len(shared) > 1 else ""}): scores on them say '
            f'nothing of other frames'
            + ('' if wanted else '; part them in ImageSets/{train,val}.txt and prepare again'))


def _check_split(info: dict, root: Path, split: str, report: CheckReport) -> None:
    frames = info['data_list']
    stamp = info['metainfo'].get('stamp', {})
    objects = [item for frame in frames for item in frame.get('instances', [])
               if item['bbox_label_3d'] >= 0]
    without = sum(item['num_lidar_pts'] == 0 for item in objects)
    report.fact(f'{split}: {len(frames)} frames, {len(objects)} objects ({without} without a '
                f'point), source: {stamp.get("source", "not stamped")}')
    check_content(split, frames, report)
    judge_without_points(without, len(objects), split, report)
    folder = root / ('testing' if split == 'test' else 'training')
    names = [frame['images']['CAM2']['img_path'] for frame in frames]
    pictures = 'image_02' if info['metainfo'].get('layout') == 'tracking' else 'image_2'
    missing = [name for name in names if not (folder / pictures / name).is_file()]
    report.problems_of(f'images of {split} are missing', missing)
    _check_points(frames, folder / 'velodyne_reduced', split, report)
    _check_projections(frames, split, report)
    if any('sequence' in frame for frame in frames):
        _check_drives(frames, split, report)


def _check_drives(frames: list[dict], split: str, report: CheckReport) -> None:
    """How many drives and identities there are, and whether anybody leaps."""
    drives: dict[str, dict[int, dict]] = {}
    for frame in frames:
        drives.setdefault(frame['sequence'], {})[frame['frame']] = frame
    tracks = {(frame['sequence'], item['track_id']) for frame in frames for item in _known(frame)}
    without = sum('lidar2global' not in frame for frame in frames)
    report.fact(f'{split}: {len(drives)} drives, {len(tracks)} tracks'
                + (f', {without} frames without a pose' if without else ', poses of all frames'))
    leaps = [f'{name}/{number:06d}' for name, of in drives.items() for number in of
             if number + 1 in of and _farthest_step(of[number], of[number + 1]) > _FARTHEST_STEP]
    report.problems_of(f'frames of {split} have objects that are more than {_FARTHEST_STEP:g} m '
                       f'away in the next one (another id, order or pose?)', leaps)


def _farthest_step(frame: dict, following: dict) -> float:
    """How far an object goes to the next frame, in the world where poses are known [m]."""
    places = []
    for one in (frame, following):
        known = _known(one)
        boxes = kitti_camera_to_lidar(np.array([item['bbox_3d'] for item in known]).reshape(-1, 7),
                                      one['images']['CAM2']['lidar2cam'])
        pose = np.array(one.get('lidar2global', np.eye(4)), np.float64)
        centers = boxes[:, :3] @ pose[:3, :3].T + pose[:3, 3]
        places.append({item['track_id']: center
                       for item, center in zip(known, centers, strict=True)})
    return max((float(np.linalg.norm((places[1][track] - place)[:2]))
                for track, place in places[0].items() if track in places[1]), default=0.0)


def _check_points(frames: list[dict], folder: Path, split: str, report: CheckReport) -> None:
    damaged, different = [], []
    for frame in frames:
        lidar = frame['lidar_points']
        contents = lidar.get('contents', {}).get('velodyne_reduced')
        try:
            points = load_points(folder / lidar['lidar_path'], 4, contents)
        except DataError as error:
            damaged.append(str(error))
            continue
        recorded = [item['num_lidar_pts'] for item in _known(frame)]
        # the calibration is stored rounded to float32, so points on a face may change sides
        if not np.allclose(recount(frame, points), recorded, rtol=0.02, atol=2):
            different.append(lidar['lidar_path'])
    report.problems_of(f'point clouds of {split} are unusable', damaged)
    report.problems_of(f'frames of {split} have other points in their boxes than recorded '
                       f'(another yaw, size order or calibration?)', different)


def _check_projections(frames: list[dict], split: str, report: CheckReport) -> None:
    overlaps = [_overlap(item, frame) for frame in frames for item in _known(frame)
                if item['truncated'] == 0 and item['occluded'] == 0 and item['depth'] > 0]
    judge_median(overlaps, split, _LEAST_MEDIAN_OVERLAP, report,
                 'projected boxes overlap the labeled image boxes of whole, unoccluded objects by '
                 '{median:.2f}',
                 f'boxes of {split} do not project onto their objects: wrong calibration, yaw or '
                 f'size order')


def recount(frame: dict, points: np.ndarray) -> list[int]:
    """Points of the frame inside each of its boxes, DontCare left out."""
    boxes = [item['bbox_3d'] for item in _known(frame)]
    boxes = kitti_camera_to_lidar(boxes, frame['images']['CAM2']['lidar2cam'])
    return [len(points_in_box(points, box)) for box in boxes]


def _known(frame: dict) -> list[dict]:
    return [item for item in frame.get('instances', []) if item['bbox_label_3d'] >= 0]


def _overlap(item: dict, frame: dict) -> float:
    image = frame['images']['CAM2']
    projected = project_box(np.array(item['bbox_3d']), np.array(image['cam2img']),
                            (image['height'], image['width']))
    if projected is None:
        return 0.0
    return float(rectangle_ious(np.array([projected]), np.array([item['bbox']]))[0, 0])
