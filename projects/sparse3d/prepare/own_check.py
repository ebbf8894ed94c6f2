"""Checks of a data set of one's own: what makes a training run and its scores stay at zero."""
from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np

from sparse3d.datasets.cloud_files import read_cloud
from sparse3d.datasets.info_files import read_info_file
from sparse3d.errors import DataError
from sparse3d.prepare.check_report import CheckReport
from sparse3d.prepare.own import sizes_by_class
from sparse3d.prepare.own_files import SPLITS
from sparse3d.structures.box_geometry import points_in_box

# Objects along the car's own axes mostly; a quarter turn in the convention of the yaw makes
# boxes miss their points.
_LEAST_SHARE_WITH_POINTS = 0.5
_TURNED_GAIN = 1.5


def check_own(root: str | os.PathLike) -> CheckReport:
    """Check what :func:`sparse3d.prepare.own.prepare_own` wrote to ``root``.

    Looks for every file, counts points in boxes, and tries the usual mistakes in box
    conventions (height of the centre, yaw turned by 90 degrees, length and width exchanged):
    if boxes hold far more points that way, it says so.
    """
    root = Path(root)
    report = CheckReport(f'own data set at {root}')
    for split in SPLITS:
        path = root / f'own_infos_{split}.pkl'
        if path.is_file():
            try:
                _check_split(path, root, split, report)
            except (DataError, KeyError, TypeError) as error:
                report.problem(f'{path} cannot be used: {error}')
    if not report.facts and not report.problems:
        report.problem(f'no own_infos_*.pkl; run "python tools/create_data.py own {root}"')
    return report


def _check_split(path: Path, root: Path, split: str, report: CheckReport) -> None:
    infos = read_info_file(path, 'own')['data_list']
    objects = Counter(item['name'] for info in infos for item in info.get('instances', ()))
    named = ', '.join(f'{name} {count}' for name, count in objects.most_common()) or 'none'
    report.fact(f'{split}: {len(infos)} frames; objects: {named}')
    missing = [info['sample_idx'] for info in infos if not _is_there(info, root)]
    report.problems_of(f'frames of {split} lack a point cloud or image', missing)
    for name, size in sizes_by_class(infos).items():
        report.fact(f'{split}: median {name} is {size[0]:.2f} x {size[1]:.2f} x {size[2]:.2f} m')
    _check_boxes(infos, root, split, report)


def _check_boxes(infos: list[dict], root: Path, split: str, report: CheckReport) -> None:
    """Points in boxes as they are, and as they would be under another convention."""
    counts = {name: 0 for name in _CONVENTIONS}
    boxes_seen = boxes_with_points = 0
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for info in infos[:200]:
        cloud = root / info['lidar_points']['lidar_path']
        if not cloud.is_file():
            continue
        points = read_cloud(cloud, info['lidar_points']['num_pts_feats'])
        if len(points):
            low = np.minimum(low, points[:, :3].min(0))
            high = np.maximum(high, points[:, :3].max(0))
        for item in info.get('instances', ()):
            box = np.array(item['bbox_3d'])
            boxes_seen += 1
            boxes_with_points += item['num_lidar_pts'] > 0
            for name, change in _CONVENTIONS.items():
                counts[name] += len(points_in_box(points, change(box)))
    if np.isfinite(low).all():
        report.fact(f'{split}: points from {low.round(1).tolist()} to {high.round(1).tolist()} m')
    if not boxes_seen:
        return
    share = boxes_with_points / boxes_seen
    report.fact(f'{split}: {share:.0%} of the boxes hold points')
    if share < _LEAST_SHARE_WITH_POINTS:
        report.problem(f'most boxes of {split} hold no point: wrong frame or box convention?')
    best = max(counts, key=counts.get)
    if best != 'as they are' and counts[best] > _TURNED_GAIN * counts['as they are']:
        report.problem(f'boxes of {split} hold {counts[best]:,} points {best}, and '
                       f'{counts["as they are"]:,} as they are; see docs/concepts.md')


def _is_there(info: dict, root: Path) -> bool:
    names = [info['lidar_points']['lidar_path'],
             *(image['img_path'] for image in info.get('images', {}).values())]
    return all((root / name).is_file() for name in names)


def _raised(box: np.ndarray) -> np.ndarray:
    return box + [0, 0, box[5] / 2, 0, 0, 0, 0]


def _lowered(box: np.ndarray) -> np.ndarray:
    return box - [0, 0, box[5] / 2, 0, 0, 0, 0]


_CONVENTIONS = {
    'as they are': lambda box: box,
    'when z is taken half a height higher': _raised,
    'when z is taken half a height lower (z_center, not z_bottom)': _lowered,
    'when yaw is turned by 90 degrees': lambda box: box + [0, 0, 0, 0, 0, 0, np.pi / 2],
    'when yaw is turned the other way': lambda box: box * [1, 1, 1, 1, 1, 1, -1],
    'when x and y are exchanged': lambda box: box[[1, 0, 2, 3, 4, 5, 6]],
}
