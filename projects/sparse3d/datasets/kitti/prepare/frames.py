"""KITTI: from the official layout to info files and a ground-truth database."""
from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from sparse3d.atomic_files import link_folder, make_folder, write_bytes_atomically
from sparse3d.datasets.kitti.prepare.files import SPLITS, KittiFrame, find_splits
from sparse3d.datasets.kitti.prepare.frame import CATEGORIES, read_frame
from sparse3d.datasets.kitti.prepare.text import check_types
from sparse3d.errors import DataError
from sparse3d.parallel.executors import Workers
from sparse3d.parallel.failures import Failures
from sparse3d.parallel.pool import run_parallel
from sparse3d.preparation.ground_truth_database import merge_entries, write_objects
from sparse3d.preparation.journal import Journal
from sparse3d.preparation.preparation_report import PreparationReport
from sparse3d.transforms.info_files import FORMAT_VERSION, write_info_file, write_plain_file
from sparse3d.version import __version__

BOX_CONVENTION = ('rectified camera frame (x right, y down, z forward), meters, radians: '
                  'x, y, z of the bottom center, l, h, w, rotation_y about y')
DATABASE_FOLDER = 'kitti_gt_database'
DATABASE_INDEX = 'kitti_dbinfos_train.pkl'
OTHER_OUT = 'choose another folder with --out'
_LINKED = ('velodyne', 'calib', 'image_2', 'label_2', 'planes')


def prepare_kitti(
        root: str | os.PathLike,
        out: str | os.PathLike | None = None,
        splits: Sequence[str] | None = None,
        workers: Workers = 1,
        all_frames: bool = False,
        database: bool = True,
        skip_damaged: bool = False,
        types: Mapping[str, str] | None = None,
) -> PreparationReport:
    """Make everything that training and evaluation on KITTI need.

    Writes ``kitti_infos_{train,val,trainval,test}.pkl`` (layout of mmdet3d 1.4, stamped),
    ``training/velodyne_reduced`` and ``testing/velodyne_reduced`` (points inside the image
    of camera 2), ``kitti_gt_database/`` and ``kitti_dbinfos_train.pkl``. A run that was
    stopped continues where it was; every file is either whole or not there.

    Args:
        root: data set in the official layout, see ``data/README.md``.
        out: where to write, by default ``root``; elsewhere, links to the folders of
            ``root`` are made as well, so that ``out`` serves as data root.
        splits: which of train, val, trainval, test; by default all in ``ImageSets/``.
        workers: number of processes, or a cluster.
        all_frames: take every labeled frame for training and validation; the report counts
            the others.
        database: whether to make the ground-truth database (from train).
        skip_damaged: leave frames with unusable files out and report them.
        types: which of KITTI's types other types in the labels are read as,
            ``{'Bus': 'Truck', '*': 'DontCare'}``; ``'*'`` stands for all others.

    Raises:
        ConfigError: if ``types`` reads a type as one that KITTI does not have.
        DataError: if there is no data set, a split is absent, a file cannot be written,
            or a file is missing or damaged and ``skip_damaged`` is off.
    """
    root, out = Path(root), Path(out or root)
    types = check_types(types or {})
    report = PreparationReport(out)
    frames_of = _chosen(find_splits(root, all_frames, report.notes), splits, root)
    _make_folders(root, out, frames_of)
    with_objects = set(frames_of.get('train', ())) if database else set()
    frames = [KittiFrame(root, folder, name) for folder, name in _unique(frames_of)]
    journal = Journal(out / '.prepare_kitti', dict(
        format_version=FORMAT_VERSION, version=__version__, root=str(root.resolve()),
        with_objects=sorted(with_objects), types=types))
    prepare = partial(prepare_frame, out=out, journal=journal, types=types,
                      with_objects=frozenset(with_objects))
    failures = Failures(out, 'frame', '--skip-damaged leaves such frames out')
    prepared = _prepare_frames(prepare, frames, workers, skip_damaged, report, failures)
    _write_infos(prepared, frames_of, _stamp(root, all_frames, types), report)
    if with_objects:
        _write_database(prepared, frames_of['train'], report)
    if not failures:  # else --retry-failed goes on with it
        journal.remove()
    return report


def prepare_frame(
        frame: KittiFrame, out: Path, journal: Journal, with_objects: frozenset[str],
        types: Mapping[str, str] | None = None) -> dict:
    """Prepare one frame, or take it from the journal: ``dict(info=..., objects=[...])``."""
    reduced = out / frame.folder / 'velodyne_reduced' / f'{frame.name}.bin'
    sources = frame.sources()
    done = journal.load(f'{frame.folder}_{frame.name}', sources)
    if done is not None and reduced.is_file():
        return done
    read = read_frame(frame, types)
    write_bytes_atomically(reduced, read.visible_points.tobytes())
    objects = []
    if frame.labeled and frame.name in with_objects:
        levels = [item['difficulty'] for item in read.info['instances'] if item['index'] >= 0]
        number = read.info['sample_idx']
        sample = number if isinstance(number, int) else f'frame_{number}'  # '5' is not 000005
        objects = [dict(entry, image_idx=number) for entry in write_objects(
            out, DATABASE_FOLDER, sample, read.visible_points, read.names, read.boxes, levels)]
    result = dict(info=read.info, objects=objects)
    journal.save(f'{frame.folder}_{frame.name}', sources, result)
    return result


def _chosen(available: dict[str, list[str]], splits: Sequence[str] | None,
            root: Path) -> dict[str, list[str]]:
    for split in splits or ():
        if split not in available:
            raise DataError(f'{root} has no split {split!r}; it has {", ".join(available)}')
    return {split: available[split] for split in SPLITS if split in (splits or available)}


def _unique(frames_of: dict[str, list[str]]) -> list[tuple[str, str]]:
    return list(dict.fromkeys(
        (_folder(split), name) for split, names in frames_of.items() for name in names))


def _folder(split: str) -> str:
    return 'testing' if split == 'test' else 'training'


def _make_folders(root: Path, out: Path, frames_of: dict[str, list[str]]) -> None:
    make_folder(out / DATABASE_FOLDER, OTHER_OUT)
    for folder in {_folder(split) for split in frames_of}:
        make_folder(out / folder / 'velodyne_reduced', OTHER_OUT)
        for kind in _LINKED if out.resolve() != root.resolve() else ():
            if (root / folder / kind).is_dir():
                link_folder(root / folder / kind, out / folder / kind, OTHER_OUT)


def _prepare_frames(function: Callable[[KittiFrame], dict], frames: list[KittiFrame],
                    workers: Workers, skip_damaged: bool, report: PreparationReport,
                    failures: Failures) -> dict:
    prepared = {}
    results = run_parallel(function, frames, workers, 'KITTI frames')
    for frame, result in zip(frames, results, strict=True):
        if not isinstance(result, DataError):
            prepared[frame.folder, frame.name] = result
        else:
            failures.add(frame.name, result)
            report.damaged.append(str(result))
    failures.close(len(frames))
    if not skip_damaged:
        failures.refuse()
    return prepared


def _write_infos(prepared: dict, frames_of: dict[str, list[str]], stamp: dict,
                 report: PreparationReport) -> None:
    for split, names in frames_of.items():
        keys = [(_folder(split), name) for name in names]
        data_list = [prepared[key]['info'] for key in keys if key in prepared]
        metainfo = dict(categories=CATEGORIES, dataset='kitti', info_version='1.1',
                        stamp=dict(stamp, split=split))
        path = report.out / f'kitti_infos_{split}.pkl'
        write_info_file(path, metainfo, data_list)
        report.add_split(split, data_list)
        report.files.append(path)


def _write_database(prepared: dict, names: list[str], report: PreparationReport) -> None:
    keys = [('training', name) for name in names]
    index = merge_entries(prepared[key]['objects'] for key in keys if key in prepared)
    path = report.out / DATABASE_INDEX
    write_plain_file(path, index)
    report.objects = {name: len(entries) for name, entries in index.items()}
    report.files.append(path)


def _stamp(root: Path, all_frames: bool, types: Mapping[str, str]) -> dict:
    simulation = root / 'simulation.json'
    source = 'KITTI object detection 2017'
    if simulation.is_file():
        source = f'simulated: {json.dumps(json.loads(simulation.read_text()), sort_keys=True)}'
    options = dict(all_frames=all_frames, **({'types': dict(types)} if types else {}))
    return dict(format_version=FORMAT_VERSION, box_convention=BOX_CONVENTION, source=source,
                options=options, writer=f'sparse3d {__version__}')
