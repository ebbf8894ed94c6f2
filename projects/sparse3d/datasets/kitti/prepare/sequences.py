"""KITTI's tracking benchmark to info files: frames by sequence, objects with ids, poses.

    root/training/velodyne/<sequence>/<frame>.bin    root/training/image_02/<sequence>/<frame>.png
    root/training/{calib,label_02,oxts}/<sequence>.txt
    root/testing/...                                 the same without label_02
    root/ImageSets/{train,val}.txt                   optional: names of sequences, one a line

makes ``kitti_tracking_infos_{train,val,trainval,test}.pkl`` and ``velodyne_reduced``.
"""
from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.atomic_files import link_folder, make_folder, write_bytes_atomically
from sparse3d.datasets.kitti.prepare.files import IMAGE_SUFFIXES, SPLITS, read_image_size
from sparse3d.datasets.kitti.prepare.frame import (
    CATEGORIES,
    camera_instances,
    check_reflectance,
    image_entries,
    instances,
    lidar_entry,
    points_in_image,
)
from sparse3d.datasets.kitti.prepare.frames import BOX_CONVENTION, OTHER_OUT
from sparse3d.datasets.kitti.prepare.oxts import read_imu_poses
from sparse3d.datasets.kitti.prepare.text import (
    KittiCalibration,
    KittiObject,
    check_types,
    read_calibration,
    read_split,
    read_tracked_labels,
)
from sparse3d.errors import DataError
from sparse3d.parallel.executors import Workers
from sparse3d.parallel.failures import Failures
from sparse3d.parallel.pool import run_parallel
from sparse3d.preparation.preparation_report import PreparationReport
from sparse3d.structures.box_conversions import kitti_camera_to_lidar
from sparse3d.structures.box_geometry import points_in_box
from sparse3d.transforms.info_files import FORMAT_VERSION, write_info_file
from sparse3d.transforms.point_files import describe_contents, load_points, read_bytes
from sparse3d.version import __version__

_LINKED = ('velodyne', 'calib', 'image_02', 'label_02', 'oxts')
# Sequences that validate in published work on the labeled half (AB3DMOT), where nothing else says.
VALIDATION = ('0001', '0006', '0008', '0010', '0012', '0013', '0014', '0015', '0016', '0018',
              '0019')

FRAME_SECONDS = 0.1  # between two frames; the tracking benchmark has no times


@dataclass
class _Sequence:
    """What one sequence gave."""

    entries: list[dict] = field(default_factory=list)
    without_cloud: list[str] = field(default_factory=list)
    without_picture: list[str] = field(default_factory=list)
    lost_labels: list[str] = field(default_factory=list)  # frames whose labels have no place
    without_pose: bool = False


def is_tracking_layout(root: str | os.PathLike) -> bool:
    """Whether a folder has the layout of the tracking benchmark."""
    return any((Path(root) / folder / kind).is_dir() for folder in ('training', 'testing')
               for kind in ('image_02', 'label_02'))


def prepare_kitti_tracking(root: str | os.PathLike, out: str | os.PathLike | None = None,
                           splits: Sequence[str] | None = None, workers: Workers = 1,
                           types: Mapping[str, str] | None = None) -> PreparationReport:
    """Make info files of the tracking benchmark.

    An entry is one of the object benchmark with ``sequence``, ``frame``, ``frame_name``
    (``0000_000012``), ``timestamp`` [s], ``lidar2global`` where there is ``oxts``, and
    ``track_id`` in each instance. Frames without a cloud, of which the benchmark has a few, or
    without a picture are left out and counted.

    Args:
        root, out, splits, workers, types: see
            :func:`sparse3d.datasets.kitti.prepare.frames.prepare_kitti`.

    Raises:
        ConfigError: as there.
        DataError: if there is no such data set, a split is absent, or a file is missing or
            damaged.
    """
    root, out = Path(root), Path(out or root)
    types = {'Person': 'Person_sitting', **check_types(types or {})}
    report = PreparationReport(out)
    sequences_of = _splits(root, splits)
    keys = list(dict.fromkeys((_folder(split), name) for split, names in sequences_of.items()
                              for name in names))
    _make_folders(root, out, {folder for folder, _ in keys})
    results = run_parallel(partial(_prepared, root=root, out=out, types=types), keys, workers,
                           'KITTI sequences')
    prepared: dict[tuple[str, str], _Sequence] = {}
    failures = Failures(out, 'sequence')
    for key, result in zip(keys, results, strict=True):
        if isinstance(result, DataError):
            failures.add(key[1], result)
        else:
            prepared[key] = result
    failures.close(len(keys))
    failures.refuse()
    _note(prepared, report)
    _note_sequences_without_clouds(root, report)
    for split, names in sequences_of.items():
        entries = [entry for name in names for entry in prepared[_folder(split), name].entries]
        path = out / f'kitti_tracking_infos_{split}.pkl'
        write_info_file(path, dict(
            categories=CATEGORIES, dataset='kitti', info_version='1.1', layout='tracking',
            stamp=dict(format_version=FORMAT_VERSION, box_convention=BOX_CONVENTION,
                       source=_source(root), options={}, writer=f'sparse3d {__version__}',
                       split=split)), entries)
        report.add_split(split, entries)
        report.files.append(path)
    return report


def _splits(root: Path, wanted: Sequence[str] | None) -> dict[str, list[str]]:
    labeled, unlabeled = (sorted(path.name for path in (root / folder / 'velodyne').glob('*')
                                 if path.is_dir()) for folder in ('training', 'testing'))
    files = {split: root / 'ImageSets' / f'{split}.txt' for split in SPLITS}
    splits = {split: read_split(path) for split, path in files.items() if path.is_file()}
    if not splits:
        splits = dict(train=[name for name in labeled if name not in VALIDATION],
                      val=[name for name in labeled if name in VALIDATION])
    if 'trainval' not in splits:
        splits['trainval'] = sorted({*splits.get('train', []), *splits.get('val', [])})
    splits.setdefault('test', unlabeled)
    splits = {split: names for split, names in splits.items() if names}
    for split, names in splits.items():
        absent = sorted(set(names) - set(unlabeled if split == 'test' else labeled))
        if absent:
            raise DataError(f'{split} names the sequence {absent[0]}, which is not in '
                            f'{root / _folder(split) / "velodyne"}')
    if not splits:
        raise DataError(f'{root} has no sequence: put them into training/velodyne/0000 and so on')
    for split in wanted or ():
        if split not in splits:
            raise DataError(f'{root} has no split {split!r}; it has {", ".join(splits)}')
    return {split: splits[split] for split in SPLITS if split in (wanted or splits)
            and split in splits}


def _folder(split: str) -> str:
    return 'testing' if split == 'test' else 'training'


def _make_folders(root: Path, out: Path, folders: set[str]) -> None:
    for folder in folders:
        make_folder(out / folder / 'velodyne_reduced', OTHER_OUT)
        for kind in _LINKED if out.resolve() != root.resolve() else ():
            if (root / folder / kind).is_dir():
                link_folder(root / folder / kind, out / folder / kind, OTHER_OUT)


def _prepared(key: tuple[str, str], root: Path, out: Path, types: Mapping[str, str]) -> _Sequence:
    folder, name = root / key[0], key[1]
    calibration = read_calibration(folder / 'calib' / f'{name}.txt')
    labels = read_tracked_labels(folder / 'label_02' / f'{name}.txt', types) \
        if key[0] == 'training' else None
    pictures = {path.stem: path for path in sorted((folder / 'image_02' / name).glob('*'))
                if path.suffix in IMAGE_SUFFIXES}
    if not pictures:
        raise DataError(f'{folder / "image_02" / name} has no picture')
    poses = _lidar_poses(folder / 'oxts' / f'{name}.txt', calibration)
    made = _Sequence(without_pose=poses is None)
    make_folder(out / key[0] / 'velodyne_reduced' / name)
    for stem, picture in pictures.items():
        if not stem.isdecimal():
            raise DataError(f'{picture} is not called by the number of its frame, 000012.png for '
                            f'instance')
        cloud = folder / 'velodyne' / name / f'{stem}.bin'
        if not cloud.is_file():
            made.without_cloud.append(f'{name}/{stem}')
            continue
        entry = dict(_places(name, int(stem), poses, folder),
                     **_content(cloud, picture, calibration, labels, int(stem)))
        points = entry.pop('visible')
        write_bytes_atomically(out / key[0] / 'velodyne_reduced' / name / f'{stem}.bin',
                               points.tobytes())
        made.entries.append(entry)
    clouds = sorted(path.stem for path in (folder / 'velodyne' / name).glob('*.bin'))
    made.without_picture += [f'{name}/{stem}' for stem in clouds if stem not in pictures]
    there = {int(stem) for stem in (*pictures, *clouds) if stem.isdecimal()}
    made.lost_labels += [f'{name}/{frame}' for frame in sorted(labels or ()) if frame not in there]
    return made


def _places(name: str, frame: int, poses: np.ndarray | None, folder: Path) -> dict[str, Any]:
    shown = f'{name}_{frame:06d}'
    entry = dict(sample_idx=shown, frame_name=shown, sequence=name, frame=frame,
                 timestamp=frame * FRAME_SECONDS)
    if poses is not None:
        if frame >= len(poses):
            raise DataError(f'{folder / "oxts" / name}.txt has {len(poses)} lines, and none of '
                            f'frame {frame}')
        entry['lidar2global'] = poses[frame].tolist()
    return entry


def _lidar_poses(path: Path, calibration: KittiCalibration) -> np.ndarray | None:
    """LiDAR frame to the world, (N, 4, 4), or None without what it takes."""
    if not path.is_file() or calibration.imu2velo is None:
        return None
    return read_imu_poses(path) @ np.linalg.inv(calibration.imu2velo)


def _content(cloud: Path, picture: Path, calibration: KittiCalibration,
             labels: Mapping[int, list[tuple[int, KittiObject]]] | None,
             frame: int) -> dict[str, Any]:
    """What files say of a frame, and ``visible``, the points inside the picture."""
    size = read_image_size(picture)
    points = load_points(cloud, allow_empty=False)
    check_reflectance(points, str(cloud))
    visible = points[points_in_image(points, calibration, size)]
    paths = [f'{path.parent.name}/{path.name}' for path in (picture, cloud)]
    contents = dict(velodyne=describe_contents(read_bytes(cloud)),
                    velodyne_reduced=describe_contents(visible.tobytes()))
    entry: dict[str, Any] = dict(
        images=image_entries(paths[0], calibration, size), visible=visible,
        lidar_points=dict(lidar_entry(paths[1], calibration), contents=contents))
    if labels is None:
        return entry
    rows = labels.get(frame, [])
    objects = [item for _, item in rows]
    known = [item for item in objects if item.type != 'DontCare']
    boxes = kitti_camera_to_lidar(np.array([item.camera_box for item in known]).reshape(-1, 7),
                                  calibration.lidar2cam)
    counts = [len(points_in_box(visible, box)) for box in boxes]
    made = instances(objects, counts, calibration)
    entry['instances'] = [dict(item, track_id=track)
                          for item, (track, _) in zip(made, rows, strict=True)]
    entry['cam_instances'] = camera_instances(objects, calibration, size)
    return entry


def _note(prepared: Mapping[tuple[str, str], _Sequence], report: PreparationReport) -> None:
    for names, what in (
            ([name for made in prepared.values() for name in made.without_cloud],
             'frames whose picture has no cloud'),
            ([name for made in prepared.values() for name in made.without_picture],
             'frames whose cloud has no picture'),
            ([name for made in prepared.values() for name in made.lost_labels],
             'labeled frames that are not there')):
        if names:
            report.notes.append(f'left out: {len(names)} {what} ({", ".join(names[:3])}'
                                f'{", ..." if len(names) > 3 else ""})')
    still = [name for (_, name), made in prepared.items() if made.without_pose]
    if still:
        report.notes.append(f'{len(still)} sequences have no oxts or no Tr_imu_to_velo '
                            f'({still[0]} first): trackers take the vehicle there as standing')


def _note_sequences_without_clouds(root: Path, report: PreparationReport) -> None:
    """Sequences that nothing else names, because their folder of clouds is not there."""
    lost = [path.name for folder in ('training', 'testing')
            for path in sorted((root / folder / 'image_02').glob('*'))
            if path.is_dir() and not (root / folder / 'velodyne' / path.name).is_dir()]
    if lost:
        report.notes.append(f'left out: {len(lost)} sequences whose pictures have no clouds '
                            f'({", ".join(lost[:3])}{", ..." if len(lost) > 3 else ""})')


def _source(root: Path) -> str:
    simulation = root / 'simulation.json'
    if not simulation.is_file():
        return 'KITTI tracking 2012'
    return f'simulated: {json.dumps(json.loads(simulation.read_text()), sort_keys=True)}'
