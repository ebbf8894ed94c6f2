"""A data set of one's own: point clouds and boxes in plain files to info files.

    root/points/<name>.bin|npy|pcd|ply|las|laz   one cloud a frame; none at all for cameras alone
    root/boxes/<name>.csv|json                   labels, see own_files.read_boxes
    root/images/<camera>/<name>.png|jpg          optional, with root/calibration.json
    root/splits/train.txt, val.txt, test.txt     optional, one name a line
    root/frames.json                             optional: times, scenes, poses; see times.py

makes ``own_infos_{train,val,test}.pkl`` and a ground-truth database in ``root``.
"""
from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path

import numpy as np

from sparse3d.atomic_files import make_folder
from sparse3d.datasets.custom.prepare.files import (
    CustomFrame,
    find_frames,
    left_over_files,
    read_calibration,
    read_labels,
)
from sparse3d.datasets.custom.prepare.labels import Labels, read_track_ids
from sparse3d.datasets.custom.prepare.splits import SPLITS, find_splits
from sparse3d.datasets.custom.prepare.times import FrameTime, in_order, read_times
from sparse3d.errors import ConfigError, DataError
from sparse3d.parallel.pool import run_parallel
from sparse3d.preparation.ground_truth_database import merge_entries, write_objects
from sparse3d.preparation.preparation_report import PreparationReport
from sparse3d.structures.box_geometry import points_in_box
from sparse3d.transforms.cloud_files import read_cloud
from sparse3d.transforms.column_count import refuse_other_columns
from sparse3d.transforms.image_files import image_file_fault
from sparse3d.transforms.info_files import FORMAT_VERSION, write_info_file, write_plain_file
from sparse3d.version import __version__

DATABASE_FOLDER, DATABASE_INDEX = 'own_gt_database', 'own_dbinfos_train.pkl'
NOT_COUNTED = -1  # points of a box in a frame without a cloud
BOX_CONVENTION = 'LiDAR frame; x, y, z_bottom, dx, dy, dz, yaw[, vx, vy]'


@dataclass(frozen=True)
class CustomPreparation:
    """How to read the files.

    Attributes:
        columns: numbers of a point: x, y, z, then e.g. intensity.
        validation: share of the frames that validate if there are no split files.
        database: whether to cut out objects for ground-truth sampling.
        skip_damaged: leave out and name frames whose cloud or picture cannot be read.

    Raises:
        ConfigError: for fewer than three columns, or a share that is none.
    """

    columns: int = 4
    validation: float = 0.2
    database: bool = True
    skip_damaged: bool = False

    def __post_init__(self) -> None:
        if self.columns < 3:
            raise ConfigError(f'columns is {self.columns}; a point has x, y and z at least')
        if not 0 < self.validation < 1:
            raise ConfigError(f'validation is {self.validation:g}; give a share between 0 and 1, '
                              f'such as 0.2, or write splits/train.txt')


def prepare_custom(root: str | os.PathLike, options: CustomPreparation | None = None,
                   workers: int = 1) -> PreparationReport:
    """Make the info files of a custom data set.

    Labels are looked at before clouds: classes that differ in their spelling only, yaws in
    degrees and a data set without any box are refused before anything long starts.

    Args:
        root: folder in the layout above; the info files go there too.
        options: how to read it.
        workers: number of processes.

    Raises:
        DataError: naming the file and row that cannot be used.
    """
    root, options = Path(root), options or CustomPreparation()
    frames = find_frames(root)
    times = read_times(root, [frame.name for frame in frames])
    order = {name: place for place, name in enumerate(in_order([
        frame.name for frame in frames], times))}
    frames.sort(key=lambda frame: order[frame.name])
    splits, notes = find_splits(root, frames, options.validation)
    notes += left_over_files(root, frames)
    if not splits.get('train'):
        raise DataError(f'{root} has no labeled frame to train on: put boxes into '
                        f'{root / "boxes"}' + ''.join(f'; {note}' for note in notes))
    chosen = {name for names in splits.values() for name in names}
    wanted = [frame for frame in frames if frame.name in chosen]
    calibration = _calibration(root, wanted, notes)
    splits = {split: in_order(names, times) for split, names in splits.items()}
    labels = read_labels(wanted, notes)
    clouds = [frame.points for frame in wanted if frame.points is not None]
    refuse_other_columns([path for path in clouds if path.suffix.lower() == '.bin'][:3],
                         options.columns)
    if not clouds:  # nothing to cut objects out of
        options = replace(options, database=False)
    cut = set(splits['train']) if options.database else set()
    if options.database:
        make_folder(root / DATABASE_FOLDER)
    function = partial(_prepare_frame, root=root, columns=options.columns, cut=frozenset(cut),
                       calibration=calibration, times=times)
    report, prepared = PreparationReport(root, notes=notes), {}
    items = [(frame, labels.get(frame.name)) for frame in wanted]
    for frame, result in zip(wanted, run_parallel(function, items, workers, 'frames'),
                             strict=True):
        if not isinstance(result, DataError):
            prepared[frame.name] = result
        elif options.skip_damaged:
            report.damaged.append(str(result))
        else:
            raise result
    splits = {split: [name for name in names if name in prepared]
              for split, names in splits.items()}
    if not any(prepared[name][0]['instances'] for name in splits['train']):
        raise DataError(f'{root} has no box to train on: the box files of all '
                        f'{len(splits["train"])} frames of train are empty, or damaged')
    return _write(root, splits, prepared, options, report)


def _calibration(root: Path, frames: list[CustomFrame],
                 notes: list[str]) -> dict[str, dict[str, np.ndarray]]:
    """Matrices by camera; every camera that has images must be in the file."""
    cameras = sorted({camera for frame in frames for camera in frame.images})
    calibration = read_calibration(root) if cameras else {}
    absent = [camera for camera in cameras if camera not in calibration]
    if absent:
        near = get_close_matches(absent[0].lower(), {name.lower() for name in calibration}, n=1)
        raise DataError(f'calibration.json says nothing of the camera {absent[0]}; it has '
                        f'{", ".join(calibration)}'
                        + ('; write the name as that of the folder' if near else ''))
    without = [camera for camera in calibration if camera not in cameras]
    if without:
        notes.append(f'cameras of calibration.json without a picture: {", ".join(without)}')
    return calibration


def _prepare_frame(item: tuple[CustomFrame, Labels | None], root: Path, columns: int,
                   cut: frozenset[str], calibration: Mapping[str, Mapping],
                   times: Mapping[str, FrameTime]) -> tuple[dict, list[dict]]:
    frame, labels = item
    for path in frame.images.values():
        fault = image_file_fault(path)
        if fault is not None:
            raise DataError(f'the picture {path} {fault}')
    info = dict(sample_idx=frame.name, **_time(times.get(frame.name)))
    points = None
    if frame.points is not None:
        points = read_cloud(frame.points, columns)
        info['lidar_points'] = dict(lidar_path=frame.points.relative_to(root).as_posix(),
                                    num_pts_feats=columns)
    info['images'] = {camera: _image(camera, path, root, calibration)
                      for camera, path in frame.images.items()}
    if labels is None:
        return info, []
    names, boxes = labels
    counts = [NOT_COUNTED if points is None else int(len(points_in_box(points, box[:7])))
              for box in boxes]
    info['instances'] = [
        dict(name=name, bbox_3d=box[:7].tolist(), velocity=box[7:].tolist(), num_lidar_pts=count)
        for name, box, count in zip(names, boxes, counts, strict=True)]
    ids = None if frame.boxes is None else read_track_ids(frame.boxes)
    for item, identity in zip(info['instances'], ids or (), strict=False):
        item['track_id'] = identity
    if points is None or frame.name not in cut:
        return info, []
    return info, write_objects(root, DATABASE_FOLDER, frame.name, points, names, boxes,
                               [0] * len(boxes))


def _time(time: FrameTime | None) -> dict:
    if time is None:
        return {}
    pose = {} if time.lidar2global is None else dict(lidar2global=time.lidar2global.tolist())
    return dict(scene_token=time.scene, timestamp=time.timestamp, **pose)


def _image(camera: str, path: Path, root: Path, calibration: Mapping[str, Mapping]) -> dict:
    return dict(img_path=path.relative_to(root).as_posix(),
                **{key: matrix.tolist() for key, matrix in calibration[camera].items()})


def _write(root: Path, splits: Mapping[str, list[str]], prepared: Mapping[str, tuple],
           options: CustomPreparation, report: PreparationReport) -> PreparationReport:
    counts = Counter(item['name'] for info, _ in prepared.values()
                     for item in info.get('instances', ()))
    categories = {name: label for label, (name, _) in enumerate(
        sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))}
    for info, _ in prepared.values():
        for item in info.get('instances', ()):
            item['bbox_label_3d'] = categories[item['name']]
    stamp = dict(format_version=FORMAT_VERSION, box_convention=BOX_CONVENTION,
                 source='own files', options=vars(options), writer=f'sparse3d {__version__}')
    for split in SPLITS:
        path, names = root / f'own_infos_{split}.pkl', splits.get(split)
        if not names:
            if path.is_file():  # of an earlier preparation: it would be taken for one of this
                path.unlink()
                report.notes.append(f'removed {path}, which was made before: {split} is empty now')
            continue
        metainfo = dict(dataset='custom', categories=categories, info_version='1.1',
                        stamp=dict(stamp, split=split))
        write_info_file(path, metainfo, [prepared[name][0] for name in names])
        report.frames[split] = len(names)
        report.files.append(path)
    if options.database:
        index = merge_entries(prepared[name][1] for name in splits['train'])
        write_plain_file(root / DATABASE_INDEX, index)
        report.objects = {name: len(entries) for name, entries in index.items()}
        report.files.append(root / DATABASE_INDEX)
    return report


def sizes_by_class(infos: list[dict]) -> dict[str, np.ndarray]:
    """Median dx, dy, dz of each class, in meters."""
    sizes: dict[str, list] = {}
    for info in infos:
        for item in info.get('instances', ()):
            sizes.setdefault(item['name'], []).append(item['bbox_3d'][3:6])
    return {name: np.median(values, axis=0) for name, values in sizes.items()}
