"""Waymo: from either published format to point clouds, pictures and info files."""
from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.atomic_files import make_folder, write_bytes_atomically
from sparse3d.datasets.waymo.entry_faults import entry_faults
from sparse3d.datasets.waymo.frame import CAMERAS, TOP, WaymoFrame
from sparse3d.datasets.waymo.prepare.database import FOLDER, cut_out_objects, write_indices
from sparse3d.datasets.waymo.prepare.infos import CLASS_NAMES, frame_info
from sparse3d.datasets.waymo.prepare.points import WaymoPoints, frame_points
from sparse3d.datasets.waymo.prepare.segments import (
    Segment,
    find_segments,
    folders_without_segments,
    repeated_segments,
)
from sparse3d.errors import DataError
from sparse3d.parallel.executors import Workers
from sparse3d.parallel.failures import Failures
from sparse3d.parallel.pool import run_parallel
from sparse3d.preparation.journal import Journal
from sparse3d.preparation.preparation_report import PreparationReport
from sparse3d.transforms.info_files import FORMAT_VERSION, write_info_file
from sparse3d.transforms.point_files import describe_contents
from sparse3d.version import __version__

BOX_CONVENTION = ('vehicle frame (x forward, y left, z up), meters, radians: x, y, z of the '
                  'bottom center, length, width, height, yaw counter-clockwise from x')


def prepare_waymo(
        root: str | os.PathLike,
        out: str | os.PathLike | None = None,
        version: str = 'auto',
        splits: Sequence[str] | None = None,
        workers: Workers = 1,
        shard: tuple[int, int] = (1, 1),
        keep_no_label_zones: bool = False,
        skip_damaged: bool = False,
        database_interval: int = 5,
) -> PreparationReport:
    """Make everything that training and evaluation on Waymo need.

    Writes, in the layout of mmdet3d 1.4, ``waymo_infos_{train,val,trainval,test}.pkl``
    (stamped), ``{training,validation,testing}/velodyne/*.bin`` (x, y, z, intensity,
    elongation, index of the TOP pixel or -1) and ``image_0`` to ``image_4``; beside them
    ``point_origin/*.bin``: for each point, as uint8, LiDAR (1..5), return (1, 2), and whether
    it lies in a no-label zone. Objects of training segments are cut out into
    ``waymo_gt_database``, listed in ``waymo_dbinfos_train.pkl`` and, people with joints as
    ``Human``, in ``waymo_people_dbinfos_train.pkl``. A run that was stopped continues where
    it was; every file is either whole or not there; a worker holds one frame at a time (one
    segment if the rows of its Parquet files are not sorted).

    Args:
        root: the data set, see :func:`find_segments`.
        out: where to write, by default ``root/kitti_format``.
        version: ``'v1'``, ``'v2'`` or ``'auto'``.
        splits: which of train, val, test, test_cam_only; by default all there are.
        workers: number of processes, or a cluster.
        shard: ``(i, n)``: prepare part i of n, for instance on n machines; then
            :func:`merge_waymo` joins the info files.
        keep_no_label_zones: keep points in no-label zones (the published layout drops them).
        skip_damaged: leave segments with unusable files out and report them.
        database_interval: objects of every n-th training frame, and of every frame with
            labeled joints, go into the database; 0 makes none.

    Raises:
        DataError: if there is no data set, a file cannot be written, or one is damaged and
            ``skip_damaged`` is off.
    """
    root = Path(root)
    out = Path(out or root / 'kitti_format')
    part, parts = _checked_shard(shard)
    if database_interval < 0:
        raise DataError(f'database_interval is {database_interval}; give 1 or more, or 0 for no '
                        f'database')
    segments = _chosen(find_segments(root, version), splits, root)
    mine = [segment for split in segments for segment in segments[split]][part - 1::parts]
    _make_folders(out, {segment.folder for segment in mine})
    suffix = '' if parts == 1 else f'.part-{part}-of-{parts}'
    options = dict(version=next(s.version for group in segments.values() for s in group),
                   keep_no_label_zones=keep_no_label_zones, database_interval=database_interval)
    journal = Journal(out / f'.prepare_waymo{suffix}', dict(
        format_version=FORMAT_VERSION, writer=__version__, root=str(root.resolve()), **options))
    report = PreparationReport(out)
    report.notes += folders_without_segments(root, options['version']) if splits is None else []
    failures = Failures(out, 'segment', '--skip-damaged leaves such segments out',
                        part=suffix)
    infos, objects = _prepare_segments(mine, out, journal, options, workers, skip_damaged, report,
                                       failures)
    stamp = dict(format_version=FORMAT_VERSION, box_convention=BOX_CONVENTION,
                 source=_source(root, options['version']), options=options,
                 writer=f'sparse3d {__version__}')
    if parts > 1:
        stamp['part'] = [part, parts]
    write_waymo_infos(out, {split: infos.get(split, []) for split in segments}, stamp, report,
                      suffix)
    if database_interval and 'train' in segments:
        write_indices(out, objects, report, suffix)
    if not failures:  # else --retry-failed goes on with it
        journal.remove()
    return report


def prepare_segment(segment: Segment, out: Path, journal: Journal,
                    options: dict[str, Any]) -> dict[str, Any]:
    """Prepare one segment, or take it from the journal.

    Returns:
        ``entries``, one per frame, ``objects``, the database's entries of each frame, and
        ``counted``, whether all points in boxes were counted here.
    """
    sources = segment.sources()
    key = f'{segment.folder}_{segment.index:04d}'
    done = journal.load(key, sources)
    if done is not None and _all_there(out, segment.folder, done):
        return done
    entries: list[dict] = []
    objects: list[list[dict]] = []
    counted = []
    try:
        for frame in segment.frames():
            name = segment.frame_name(frame.index)
            info = frame_info(frame, name, entries)
            rows = _write_frame(frame, out / segment.folder, name, info,
                                options['keep_no_label_zones'])
            entries.append(info)
            counted += [frame.counted] if len(frame.objects) else []
            if _belongs_to_database(segment, info, frame.index, options['database_interval']):
                objects.append(cut_out_objects(out, name, info, rows))
    except DataError as error:
        if str(segment.root) in str(error) or type(error) is not DataError:
            raise
        raise DataError(f'{segment.root / segment.folder / segment.file}: {error}') from error
    result = dict(entries=entries, objects=objects, counted=bool(counted) and all(counted))
    journal.save(key, sources, result)
    return result


def write_waymo_infos(out: Path, infos: dict[str, list[dict]], stamp: dict,
                      report: PreparationReport, suffix: str = '') -> None:
    """Write one info file per split, and ``trainval`` where train and val are whole."""
    report.notes += repeated_segments(infos)
    report.notes += [sentence for split, entries in infos.items()
                     for sentence in entry_faults(split, entries)]
    if {'train', 'val'} <= infos.keys() and not suffix:
        infos = dict(infos, trainval=infos['train'] + infos['val'])
    for split, data_list in infos.items():
        metainfo = dict(
            dataset='waymo', version='waymo_v1.4', info_version='mmdet3d_v1.4',
            categories={name: label for label, name in enumerate(CLASS_NAMES)},
            stamp=dict(stamp, split=split))
        path = out / f'waymo_infos_{split}{suffix}.pkl'
        write_info_file(path, metainfo, data_list)
        report.add_split(split, data_list)
        report.files.append(path)


def point_rows(points: WaymoPoints) -> np.ndarray:
    """Points as rows (N, 6) float32 of the published layout.

    Columns: x, y, z, intensity, elongation, and for the TOP LiDAR the pixel's index in its
    two range images one after the other, else -1.
    """
    index = points.pixel + (points.return_number.astype(np.int64) - 1) * points.pixel_count
    index = np.where(points.lidar == TOP, index, -1)
    return np.column_stack([points.xyz, points.intensity, points.elongation,
                            index]).astype('<f4')


def _write_frame(frame: WaymoFrame, folder: Path, name: str, info: dict[str, Any],
                 keep_no_label_zones: bool) -> np.ndarray:
    """Write points and pictures; returns the rows of the points."""
    points = frame_points(frame)
    if not keep_no_label_zones:
        points = points.select(~points.no_label_zone)
    origin = np.column_stack([points.lidar, points.return_number, points.no_label_zone])
    rows = point_rows(points)
    content = rows.tobytes()
    write_bytes_atomically(folder / 'velodyne' / f'{name}.bin', content)
    write_bytes_atomically(folder / 'point_origin' / f'{name}.bin',
                           origin.astype(np.uint8).tobytes())
    info['lidar_points']['contents'] = dict(velodyne=describe_contents(content))
    for camera, image in frame.images.items():
        write_bytes_atomically(folder / f'image_{camera - 1}' / f'{name}.jpg', image.jpeg)
    return rows


def _belongs_to_database(segment: Segment, info: dict[str, Any], index: int,
                         interval: int) -> bool:
    if segment.split != 'train' or not interval:
        return False
    return index % interval == 0 or any('keypoints_3d' in item for item in info['instances'])


def _all_there(out: Path, folder: str, done: dict[str, list]) -> bool:
    clouds = (out / folder / kind / entry['lidar_points']['lidar_path']
              for entry in done['entries'] for kind in ('velodyne', 'point_origin'))
    objects = (out / item['path'] for items in done['objects'] for item in items)
    return all(path.is_file() for path in chain(clouds, objects))


def _checked_shard(shard: tuple[int, int]) -> tuple[int, int]:
    part, parts = shard
    if not 1 <= part <= parts:
        raise DataError(f'there is no part {part} of {parts}; parts count from 1')
    return part, parts


def _chosen(available: dict[str, list[Segment]], splits: Sequence[str] | None,
            root: Path) -> dict[str, list[Segment]]:
    for split in splits or ():
        if split not in available:
            raise DataError(f'{root} has no split {split!r}; it has {", ".join(available)}')
    return {
        split: segments for split, segments in available.items() if split in (splits or available)
    }


def _make_folders(out: Path, folders: set[str]) -> None:
    kinds = ['velodyne', 'point_origin', *(f'image_{camera - 1}' for camera in CAMERAS)]
    for path in (FOLDER, *(Path(folder, kind) for folder in folders for kind in kinds)):
        make_folder(out / path, 'choose another folder with --out')


def _prepare_segments(
        segments: list[Segment], out: Path, journal: Journal, options: dict[str, Any],
        workers: Workers, skip_damaged: bool, report: PreparationReport, failures: Failures,
) -> tuple[dict[str, list[dict]], list[list[dict]]]:
    """Entries of the info file of each split, and of the database for each frame."""
    function = partial(prepare_segment, out=out, journal=journal, options=options)
    infos: dict[str, list[dict]] = {}
    objects: list[list[dict]] = []
    counted = 0
    results = run_parallel(function, segments, workers, 'Waymo segments')
    for segment, result in zip(segments, results, strict=True):
        if not isinstance(result, DataError):
            infos.setdefault(segment.split, []).extend(result['entries'])
            objects.extend(result['objects'])
            counted += result.get('counted', False)
        else:
            failures.add(str(segment), result)
            report.damaged.append(str(result))
    failures.close(len(segments))
    if not skip_damaged:
        failures.refuse()
    if counted:
        report.notes.append(f'the labels of {counted} segments give no point counts (format 1.0); '
                            f'points in their boxes were counted')
    return infos, objects


def _source(root: Path, version: str) -> str:
    simulation = root / 'simulation.json'
    if simulation.is_file():
        return f'simulated: {json.dumps(json.loads(simulation.read_text()), sort_keys=True)}'
    return f'Waymo Open Dataset, perception, format {version}'
