"""nuScenes: from its tables to info files and a ground-truth database."""
from __future__ import annotations

import json
import os
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from sparse3d.atomic_files import link_folder, make_folder
from sparse3d.datasets.nuscenes.categories import CLASSES
from sparse3d.datasets.nuscenes.prepare.options import NuScenesPreparation
from sparse3d.datasets.nuscenes.prepare.parts_there import (
    absent_by_folder,
    cameras_of,
    parts_that_are_there,
)
from sparse3d.datasets.nuscenes.prepare.sample import SampleReader
from sparse3d.datasets.nuscenes.prepare.table_reader import NuScenesTables
from sparse3d.datasets.nuscenes.prepare.tables import (
    find_version,
    has_own_scenes,
    open_tables,
    refuse_lost_samples,
    refuse_other_units,
    samples_of,
    scenes_of_splits,
    table_files,
)
from sparse3d.errors import DataError
from sparse3d.parallel.executors import Workers
from sparse3d.parallel.failures import Failures
from sparse3d.parallel.pool import run_parallel
from sparse3d.preparation.ground_truth_database import merge_entries, write_objects
from sparse3d.preparation.journal import Journal
from sparse3d.preparation.parts import part_suffix
from sparse3d.preparation.preparation_report import PreparationReport
from sparse3d.structures.box_conversions import center_to_lidar
from sparse3d.transforms.info_files import FORMAT_VERSION, write_info_file, write_plain_file
from sparse3d.transforms.sweep_points import load_sweep_points
from sparse3d.version import __version__

BOX_CONVENTION = ('LiDAR frame of nuScenes (x right, y forward, z up), meters, radians: x, y, z '
                  'of the geometric center, l, w, h, yaw counter-clockwise from x to y')
DATABASE_FOLDER = 'nuscenes_gt_database'
DATABASE_INDEX = 'nuscenes_dbinfos_train.pkl'
OTHER_OUT = 'choose another folder with --out'
_LINKED = ('samples', 'sweeps', 'maps')


def prepare_nuscenes(root: str | os.PathLike, version: str | None = None,
                     out: str | os.PathLike | None = None, workers: Workers = 1,
                     options: NuScenesPreparation | None = None,
                     shard: tuple[int, int] = (1, 1)) -> PreparationReport:
    """Make everything that training and evaluation on nuScenes need.

    Writes ``nuscenes_infos_{train,val}.pkl`` or ``nuscenes_infos_test.pkl`` (layout of
    mmdet3d 1.4, stamped), ``nuscenes_gt_database/`` and ``nuscenes_dbinfos_train.pkl``
    (objects cut out of all sweeps of a sample). A run that was stopped continues with the
    scene where it was; every file is either whole or not there.

    Beyond mmdet3d's keys an entry has ``scene_token``, ``scene_name``, ``frame_idx``,
    ``prev``, ``next``, per image ``height``, ``width``, ``ego2global``, and
    ``image_sweeps``: a list, newest first, of ``dict(images={camera: ...})`` with the same
    keys per camera (``img_path`` relative to the data root), all at their own times.

    Cameras are those of the table ``sensor``, of any names and number. Files of a kind of
    which none is there (point clouds, pictures, sweeps of either) are not wanted, and the report
    says so; the maps are never needed.

    Args:
        root: folder with samples/, sweeps/ and the tables.
        version: folder of the tables, by default the first of v1.0-trainval, v1.0-mini
            and v1.0-test that is there.
        out: where to write, by default ``root``; elsewhere, links to the folders of
            ``root`` are made as well, so that ``out`` serves as data root.
        workers: number of processes, or a cluster.
        shard: ``(i, n)``: prepare part i of n, for instance on n machines; then
            :func:`~sparse3d.datasets.nuscenes.prepare.merging.merge_nuscenes` joins the parts.

    Raises:
        DataError: if there is no data set, its tables are damaged, a file cannot be
            written, there is no frame to prepare, or a file is missing or damaged and
            ``skip_damaged`` is off.
    """
    options = options or NuScenesPreparation()
    root, out, suffix = Path(root), Path(out or root), part_suffix(shard)
    version = find_version(root, version)
    tables = open_tables(root, version)
    options, notes = parts_that_are_there(root, cameras_of(tables), options)
    scenes_of = scenes_of_splits(tables, options.val_scenes)
    notes += _notes_of_scenes(tables, scenes_of, options)
    _make_folders(root, out, version)
    stamp_of_run = dict(format_version=FORMAT_VERSION, version=__version__,
                        root=str(root.resolve()), tables=version, options=asdict(options))
    journal = Journal(out / f'.prepare_nuscenes{suffix}', stamp_of_run)
    report = PreparationReport(out, notes=notes)
    objects, missing = [], []
    failures = Failures(out, 'scene', '--skip-damaged leaves such files out',
                        part=suffix)
    stamp = _stamp(root, version, options)
    for split, scenes in scenes_of.items():
        function = partial(prepare_scene, root=root, version=version, out=out, journal=journal,
                           options=options, with_objects=options.database and split == 'train')
        prepared = _all_scenes(function, scenes[shard[0] - 1::shard[1]], workers, split, report,
                               failures)
        if failures:
            continue  # the scenes of the other splits are done all the same
        entries = [info for scene in prepared for info in scene['infos']]
        missing += [name for scene in prepared for name in scene['missing']]
        if not entries and scenes and shard == (1, 1):
            raise DataError(f'none of the {len(scenes)} scene(s) of {split} in {root} has a sample '
                            f'with its files: {"; ".join(absent_by_folder(root, missing))}')
        write_nuscenes_infos(entries, version, split, stamp, report, suffix)
        objects += [entry for scene in prepared for entry in scene['objects']]
    failures.close(sum(len(scenes[shard[0] - 1::shard[1]]) for scenes in scenes_of.values()))
    failures.refuse()
    if options.database and 'train' in scenes_of:
        write_nuscenes_database(objects, report, suffix)
    report.damaged += absent_by_folder(root, missing)
    journal.remove()
    return report


def _notes_of_scenes(tables: NuScenesTables, scenes_of: dict[str, list[dict]],
                     options: NuScenesPreparation) -> list[str]:
    """What the splits leave out or make up; no scene at all is an error."""
    used = sum(map(len, scenes_of.values()))
    if not used:
        raise DataError(f'no scene of {tables.table_root} is in a split of nuScenes '
                        f'{tables.version}; name those of val with --val-scenes')
    if used < len(tables.scene):
        chosen = {scene['name'] for scenes in scenes_of.values() for scene in scenes}
        rest = [scene['name'] for scene in tables.scene if scene['name'] not in chosen]
        return [f'{len(rest)} scene(s) of the tables are in no split and left out: '
                f'{", ".join(rest[:3])}{", ..." if len(rest) > 3 else ""}']
    if has_own_scenes(tables) and not options.val_scenes:
        shares = ', '.join(f'{split} {len(scenes)}' for split, scenes in scenes_of.items())
        return [f'own scenes, none of nuScenes\'; all are used ({shares}); name those of val with '
                f'--val-scenes']
    return []


def prepare_scene(token: str, root: Path, version: str, out: Path, journal: Journal,
                  options: NuScenesPreparation, with_objects: bool) -> dict:
    """Prepare one scene, or take it from the journal: ``infos``, ``objects``, sentences on
    ``damaged`` files, names of ``missing`` ones."""
    sources = table_files(root, version)
    done = journal.load(token, sources)
    if done is not None:
        return done
    tables = open_tables(root, version)
    scene = tables.get('scene', token)
    infos, reader = _read_scene(tables, scene, options)
    missing, damaged = list(reader.missing), [f'{root / name} {fault}'
                                              for name, fault in reader.damaged.items()]
    if missing and not options.skip_damaged:
        raise DataError(f'{len(missing)} file(s) of {scene["name"]} in {root} are missing: '
                        f'{", ".join(missing[:3])}{", ..." if len(missing) > 3 else ""}')
    if damaged and not options.skip_damaged:
        raise DataError(f'{len(damaged)} picture(s) of {scene["name"]} cannot be used: '
                        f'{"; ".join(damaged[:3])}{"; ..." if len(damaged) > 3 else ""}')
    objects = []
    for info in infos if with_objects else ():
        try:
            objects.append(_cut_out(info, root, out))
        except DataError as error:
            if not options.skip_damaged:
                raise
            damaged.append(f'{error} (kept in the info file, not in the database)')
    result = dict(infos=infos, objects=objects, damaged=damaged, missing=missing)
    journal.save(token, sources, result)
    return result


def _read_scene(tables: NuScenesTables, scene: dict,
                options: NuScenesPreparation) -> tuple[list[dict], SampleReader]:
    reader = SampleReader(tables, options.lidar_sweeps, options.camera_sweeps,
                          cameras_of(tables) if options.cameras else (), options.lidar)
    try:
        refuse_lost_samples(tables, scene)
        refuse_other_units(tables, scene)
        read = [reader.read(sample, -1, place)
                for place, sample in enumerate(samples_of(tables, scene))]
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f'the tables of {scene["name"]} in {tables.table_root} are damaged '
                        f'({type(error).__name__}: {error}); unpack them again') from error
    return [info for info in read if info is not None], reader


def _cut_out(info: dict, root: Path, out: Path) -> list[dict]:
    """Write the objects of a sample; velocities that are unknown count as standing still."""
    known = [item for item in info['instances']
             if item['bbox_label_3d'] >= 0 and item['num_lidar_pts'] > 0]
    if not known:
        return []
    boxes = center_to_lidar([item['bbox_3d'] for item in known])
    velocities = np.nan_to_num([item['velocity'] for item in known])
    return write_objects(
        out, DATABASE_FOLDER, info['token'], load_sweep_points(root, info),
        [CLASSES[item['bbox_label_3d']] for item in known],
        np.concatenate([boxes, velocities], axis=1), [0] * len(known))


def _make_folders(root: Path, out: Path, version: str) -> None:
    make_folder(out / DATABASE_FOLDER, OTHER_OUT)
    for name in (*_LINKED, version) if out.resolve() != root.resolve() else ():
        if (root / name).is_dir():
            link_folder(root / name, out / name, OTHER_OUT)


def _all_scenes(function: partial, scenes: list[dict], workers: Workers, split: str,
                report: PreparationReport, failures: Failures) -> list[dict]:
    prepared = []
    tokens = [scene['token'] for scene in scenes]
    results = run_parallel(function, tokens, workers, f'nuScenes {split} scenes')
    for scene, result in zip(scenes, results, strict=True):
        if isinstance(result, DataError):
            failures.add(scene['name'], result)
            continue
        report.damaged += result['damaged']
        prepared.append(result)
    return prepared


def write_nuscenes_infos(data_list: list[dict], version: str, split: str, stamp: dict,
                         report: PreparationReport, suffix: str = '') -> None:
    """Number the entries of a split and write its info file."""
    for number, info in enumerate(data_list):
        info['sample_idx'] = number
    ignored = {item['category'] for info in data_list for item in info.get('instances', ())
               if item['bbox_label_3d'] < 0}
    categories = {name: label for label, name in enumerate(CLASSES)}
    metainfo = dict(categories=categories | dict.fromkeys(sorted(ignored), -1),
                    dataset='nuscenes', version=version, info_version='1.1',
                    stamp=dict(stamp, split=split))
    path = report.out / f'nuscenes_infos_{split}{suffix}.pkl'
    write_info_file(path, metainfo, data_list)
    report.add_split(split, data_list)
    report.files.append(path)


def write_nuscenes_database(objects: list[list[dict]], report: PreparationReport,
                            suffix: str = '') -> None:
    """Write the index of the database; objects by sample."""
    index = merge_entries(objects)
    path = report.out / f'{DATABASE_INDEX.removesuffix(".pkl")}{suffix}.pkl'
    write_plain_file(path, index)
    report.objects = {name: len(entries) for name, entries in index.items()}
    report.files.append(path)


def _stamp(root: Path, version: str, options: NuScenesPreparation) -> dict:
    simulation = root / 'simulation.json'
    source = f'nuScenes {version}'
    if simulation.is_file():
        source = f'simulated: {json.dumps(json.loads(simulation.read_text()), sort_keys=True)}'
    return dict(format_version=FORMAT_VERSION, box_convention=BOX_CONVENTION, source=source,
                options=asdict(options), writer=f'sparse3d {__version__}')
