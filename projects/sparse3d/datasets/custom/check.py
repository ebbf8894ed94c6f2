"""Checks of a custom data set: what makes a training run and its scores stay at zero."""
from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sparse3d.datasets.custom.check_cameras import check_cameras
from sparse3d.datasets.custom.prepare.frames import DATABASE_INDEX, sizes_by_class
from sparse3d.datasets.custom.prepare.splits import SPLITS
from sparse3d.errors import DataError
from sparse3d.preparation.check_report import CheckReport
from sparse3d.preparation.checks import check_database, check_prepared, some_of
from sparse3d.preparation.label_conventions import AS_GIVEN, MIN_BOXES, ConventionEvidence
from sparse3d.structures.box_geometry import points_in_box
from sparse3d.transforms.cloud_files import read_cloud

_MIN_SHARE_WITH_POINTS = 0.5
_MIN_LONG = 20         # boxes that are longer than wide, or the reverse, whose yaws tell something
_LONG = 1.2            # from this ratio on
_RAISED_GAIN = 1.5
_MAX_FRAMES = 200      # of a split, spread evenly
_MOST_COMPARED = 1000  # boxes of one class in a frame, each with each
# Names of regions that nobody labeled, as other data sets write them.
_NO_CLASSES = {'dontcare', 'ignore', 'ignored', 'ignoreregion', 'void', 'unlabeled', 'unlabelled'}
_FAR = 2000.0          # meters: no LiDAR sees so far, but millimeters are easily taken for meters


def check_custom(root: str | os.PathLike) -> CheckReport:
    """Check what :func:`sparse3d.datasets.custom.prepare.frames.prepare_custom` wrote to ``root``.

    Looks for every file, reads the clouds, looks at pictures and at where boxes project to
    (:mod:`sparse3d.datasets.custom.check_cameras`), counts points in boxes, and compares
    conventions of boxes (:mod:`sparse3d.preparation.label_conventions`, height of the center and
    of the ground):
    if boxes hold their points in another one only, it names that.
    """
    report = check_prepared(Path(root), 'custom', 'custom data set', _check_split, splits=SPLITS,
                            prefix='own')
    if (Path(root) / 'own_infos_train.pkl').is_file() \
            and not (Path(root) / 'own_infos_val.pkl').is_file():
        report.fact('no frame is kept to measure a training with (own_infos_val.pkl)')
    return report


def _check_split(info: dict, root: Path, split: str, report: CheckReport) -> None:
    infos = info['data_list']
    objects = Counter(item['name'] for info in infos for item in info.get('instances', ()))
    named = ', '.join(f'{name} {count}' for name, count in objects.most_common()) or 'none'
    report.fact(f'{split}: {len(infos)} frames; objects: {named}')
    if not any('lidar_points' in info for info in infos):
        report.fact(f'{split}: pictures alone; boxes are compared with no points')
    missing = [info['sample_idx'] for info in infos if not _is_there(info, root)]
    report.problems_of(f'frames of {split} lack a point cloud or image', missing)
    check_cameras(infos, root, split, report)
    for name, size in sizes_by_class(infos).items():
        report.fact(f'{split}: median {name} is {size[0]:.2f} x {size[1]:.2f} x {size[2]:.2f} m')
    _report_odd_boxes(infos, split, report)
    if not objects and split != 'test':
        report.problem(f'no frame of {split} has a box: there is nothing to '
                       f'{"learn" if split == "train" else "measure"}')
    seen = _Seen()
    for frame in some_of(infos, _MAX_FRAMES):
        if 'lidar_points' in frame and (root / frame['lidar_points']['lidar_path']).is_file():
            seen.add(frame, root)
    seen.write(split, report)
    clouds = [info['lidar_points'] for info in infos if 'lidar_points' in info]
    if split == 'train' and clouds and (root / DATABASE_INDEX).is_file():
        check_database(root, DATABASE_INDEX, clouds[0]['num_pts_feats'], report)


def _report_odd_boxes(infos: list[dict], split: str, report: CheckReport) -> None:
    """Boxes that stand twice, lie out of sight, or are of a class that stands for none."""
    exact, near, far, names = [], [], [], Counter()
    for info in infos:
        instances, name = info.get('instances', ()), info['sample_idx']
        boxes = Counter((item['name'], *item['bbox_3d']) for item in instances)
        exact += [name] * sum(count - 1 for count in boxes.values())
        near += [name] * _near_doubles(list(boxes))
        far += [name for item in instances if np.hypot(*item['bbox_3d'][:2]) > _FAR]
        names.update(item['name'] for item in instances
                     if ''.join(filter(str.isalpha, item['name'].casefold())) in _NO_CLASSES)
    for found, what in (
            (exact, 'stand twice, the same class and numbers in one frame ({}); keep one of each'),
            (near, 'stand nearly where another of their class stands ({}): labels of two people '
                   'or programs put together? Keep one of each'),
            (far, f'lie more than {_FAR:,.0f} m away ({{}}), where no LiDAR sees; take them out')):
        if found:
            frames = ', '.join(list(dict.fromkeys(found))[:3])
            report.problem(f'{len(found)} boxes of {split} {what.format(frames)}')
    for name, count in names.items():
        report.problem(f'{count} boxes of {split} have the class {name!r}, which would be learned '
                       f'like any other; take them out of the box files')


def _near_doubles(boxes: list[tuple]) -> int:
    """How many boxes lie within a fifth of their width of an earlier one of their class."""
    count = 0
    for name in {box[0] for box in boxes}:
        places = np.array([box[1:8] for box in boxes if box[0] == name], dtype=np.float64)
        if 1 < len(places) <= _MOST_COMPARED:
            apart = np.linalg.norm(places[:, None, :3] - places[None, :, :3], axis=2)
            close = apart < 0.2 * np.minimum(places[:, 3], places[:, 4])
            count += int(np.triu(close, 1).any(axis=0).sum())
    return count


@dataclass
class _Seen:
    """What the clouds and boxes of a split have shown."""

    frames: int = 0
    damaged: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    low: np.ndarray = field(default_factory=lambda: np.full(3, np.inf))
    high: np.ndarray = field(default_factory=lambda: np.full(3, -np.inf))
    boxes: int = 0
    with_points: int = 0
    turned: bool = False   # whether any yaw is not 0
    long: int = 0          # boxes that are not square
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_HEIGHTS, 0))
    evidence: ConventionEvidence = field(default_factory=ConventionEvidence)

    def add(self, info: dict, root: Path) -> None:
        """Take a frame in."""
        self.frames += 1
        cloud = info['lidar_points']
        try:
            points = read_cloud(root / cloud['lidar_path'], cloud['num_pts_feats'])
        except DataError as error:
            self.damaged.append(str(error))
            return
        points = points[np.isfinite(points).all(axis=1)]
        if not len(points):
            self.empty.append(info['sample_idx'])
            return
        self.low = np.minimum(self.low, points[:, :3].min(0))
        self.high = np.maximum(self.high, points[:, :3].max(0))
        instances = info.get('instances', ())
        boxes = np.array([item['bbox_3d'] for item in instances]).reshape(-1, 7)
        self.boxes += len(boxes)
        self.turned |= bool(boxes[:, 6].any())
        self.long += int((boxes[:, 3:5].max(axis=1) > _LONG * boxes[:, 3:5].min(axis=1)).sum())
        self.with_points += sum(item['num_lidar_pts'] > 0 for item in instances)
        for box in boxes:
            for name, raised in _HEIGHTS.items():
                moved = box + [0, 0, raised * box[5], 0, 0, 0, 0]
                self.counts[name] += len(points_in_box(points, moved))
        self.evidence.add(points, boxes)

    def write(self, split: str, report: CheckReport) -> None:
        """Facts and problems."""
        report.problems_of(f'clouds of {split} cannot be read', self.damaged)
        if self.frames and len(self.empty) + len(self.damaged) == self.frames:
            report.problem(f'no cloud of {split} has a point')
        elif self.empty:
            report.fact(f'{split}: {len(self.empty)} clouds have no point')
        if np.isfinite(self.low).all():
            report.fact(f'{split}: points from {self.low.round(1).tolist()} to '
                        f'{self.high.round(1).tolist()} m')
            if max(abs(self.low).max(), abs(self.high).max()) > _FAR:
                report.problem(f'points of {split} lie up to '
                               f'{max(abs(self.low).max(), abs(self.high).max()):,.0f} m away: '
                               f'millimeters, or map coordinates? Write meters from the sensor')
        if self.boxes:
            self._write_boxes(split, report)

    def _write_boxes(self, split: str, report: CheckReport) -> None:
        share, evidence = self.with_points / self.boxes, self.evidence
        report.fact(f'{split}: {share:.0%} of the boxes hold points; of the points around '
                    f'{evidence.boxes} boxes {evidence.share():.0%} are inside')
        cure = evidence.cure()
        if cure is not None:
            report.problem(f'boxes of {split} hold {evidence.share():.0%} of the points around '
                           f'them as they are, {cure[1]:.0%} {cure[0]}; see docs/concepts.md')
        elif share < _MIN_SHARE_WITH_POINTS:
            report.problem(f'most boxes of {split} hold no point: wrong frame or box convention?')
        elif evidence.fits_nothing():
            flat = 'all yaws are 0, so ' if not self.turned else ''
            report.problem(f'of the points around the boxes of {split} only {evidence.share():.0%} '
                           f'are inside, and no other convention fits: {flat}sizes, headings or '
                           f'frames of the labels are wrong; look at them (sparse3d visualize)')
        elif not self.turned and self.long >= _MIN_LONG:
            report.problem(f'the yaw of all {self.boxes} boxes of {split} is 0, though {self.long} '
                           f'are not square: were headings labeled? Look at them (sparse3d '
                           f'visualize)')
        if evidence.boxes < MIN_BOXES:
            report.fact(f'{split}: {evidence.boxes} boxes with points around them are too few to '
                        f'tell the convention of the yaw')
        self._write_heights(split, report, cure is None)

    def _write_heights(self, split: str, report: CheckReport, placed: bool) -> None:
        """Heights are judged where boxes stand in the right place only."""
        best, given = max(self.counts, key=self.counts.get), self.counts[AS_GIVEN]
        wrong = self.evidence.wrong_height() if placed else None
        if wrong is not None and abs(wrong[0] - wrong[1] / 2) > 0.2 * wrong[1]:
            report.problem(f'boxes of {split} stand {abs(wrong[0]):.2f} m '
                           f'{"above" if wrong[0] > 0 else "below"} the ground around them: is '
                           f'their z counted from the ground, not from the sensor?')
        elif placed and best != AS_GIVEN and self.counts[best] > _RAISED_GAIN * given:
            report.problem(f'boxes of {split} hold {self.counts[best]:,} points {best}, and '
                           f'{given:,} as they are; see docs/concepts.md')
        elif wrong is not None:
            report.problem(f'boxes of {split} stand {wrong[0]:.2f} m above the ground around them, '
                           f'about half their height: z should be taken half a height lower '
                           f'(z_center, not z_bottom)')


def _is_there(info: dict, root: Path) -> bool:
    names = [*([info['lidar_points']['lidar_path']] if 'lidar_points' in info else []),
             *(image['img_path'] for image in info.get('images', {}).values())]
    return all((root / name).is_file() for name in names)


# How many heights a box is raised by.
_HEIGHTS = {
    AS_GIVEN: 0.0,
    'when z is taken half a height higher': 0.5,
    'when z is taken half a height lower (z_center, not z_bottom)': -0.5,
}
