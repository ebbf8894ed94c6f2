"""Argoverse 2: from the official layout to info files and a ground-truth database."""
from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from sparse3d.atomic_files import link_folder, make_folder
from sparse3d.datasets.argoverse2.categories import CLASSES
from sparse3d.datasets.argoverse2.prepare.log import DATABASE_FOLDER, PreparedLog, prepare_log
from sparse3d.datasets.argoverse2.prepare.log_files import LogFolder, find_logs
from sparse3d.datasets.argoverse2.prepare.options import Argoverse2Preparation
from sparse3d.errors import DataError
from sparse3d.parallel.executors import Workers
from sparse3d.parallel.failures import Failures
from sparse3d.parallel.pool import run_parallel
from sparse3d.preparation.ground_truth_database import merge_entries
from sparse3d.preparation.journal import Journal
from sparse3d.preparation.parts import part_suffix
from sparse3d.preparation.preparation_report import PreparationReport
from sparse3d.transforms.info_files import FORMAT_VERSION, write_info_file, write_plain_file
from sparse3d.version import __version__

BOX_CONVENTION = ('vehicle frame at the time of the sweep (x forward, y left, z up), meters, '
                  'radians: x, y, z of the bottom center, l, w, h, yaw counter-clockwise from x '
                  'to y')
DATABASE_INDEX = 'argoverse2_dbinfos_train.pkl'
CATEGORIES = {name: label for label, name in enumerate(CLASSES)}
OTHER_OUT = 'choose another folder with --out'


def prepare_argoverse2(root: str | os.PathLike, out: str | os.PathLike | None = None,
                       splits: Sequence[str] | None = None, workers: Workers = 1,
                       options: Argoverse2Preparation | None = None,
                       shard: tuple[int, int] = (1, 1)) -> PreparationReport:
    """Make everything that training and evaluation on Argoverse 2 need.

    Writes ``argoverse2_infos_{train,val,test}.pkl`` (layout of mmdet3d 1.4, stamped),
    ``argoverse2_gt_database/`` and ``argoverse2_dbinfos_train.pkl``. Sweeps and pictures stay
    where they are; the points are read from the feather files. A run that was stopped goes on with
    the log where it was; every file is either whole or not there.

    Beyond mmdet3d's keys an entry has ``log_id``, ``timestamp_ns``, ``log_path`` (folder of the
    log, with its map) and ``lidar_sweeps`` (earlier sweeps with their own ``ego2global``, which
    is the pose in the city). The frame of the points is that of the vehicle. Categories that the
    benchmark does not evaluate have the label -1. What has no sweep or no pose is left out, and
    the report counts it.

    Args:
        root: folder with ``sensor/{train,val,test}/<log>/``, or with these three.
        out: where to write, by default ``root``; elsewhere a link to the logs is made, so
            that ``out`` serves as data root.
        splits: by default all that are there.
        workers: number of processes, or a cluster.
        shard: ``(i, n)``: prepare part i of n, for instance on n machines; then
            :func:`~sparse3d.datasets.argoverse2.prepare.merging.merge_argoverse2` joins the parts.

    Raises:
        DataError: if there is no data set, a file cannot be written, or a file is missing or
            damaged and ``skip_damaged`` is off.
    """
    options = options or Argoverse2Preparation()
    root, out, suffix = Path(root), Path(out or root), part_suffix(shard)
    logs_of = {split: logs[shard[0] - 1::shard[1]]
               for split, logs in find_logs(root, splits).items()}
    _make_folders(root, out, logs_of, options)
    journal = Journal(out / f'.prepare_argoverse2{suffix}', dict(
        format_version=FORMAT_VERSION, version=__version__, root=str(root.resolve()),
        options=asdict(options)))
    report = PreparationReport(out)
    function = partial(_prepare_or_load, out=out, options=options, journal=journal)
    left_out: Counter = Counter()
    failures = Failures(out, 'log', '--skip-damaged leaves such logs out', part=suffix)
    for split, logs in logs_of.items():
        prepared = _all_logs(function, logs, workers, failures)
        if failures and not options.skip_damaged:
            continue  # the logs of the other splits are done all the same
        for log in prepared:
            left_out.update(log.left_out)
            report.damaged += log.damaged
        write_argoverse2_infos([entry for log in prepared for entry in log.entries], split,
                               _stamp(root, options), report, suffix)
        if split == 'train' and options.database_interval:
            write_argoverse2_database([item for log in prepared for item in log.objects], report,
                                      suffix)
    failures.close(sum(map(len, logs_of.values())))
    if not options.skip_damaged:
        failures.refuse()
    report.damaged += [f'log {name}: {reason}' for name, reason in failures.reasons.items()]
    report.notes += [f'{count} {what}' for what, count in left_out.items() if count]
    if not failures:  # else --retry-failed goes on with it
        journal.remove()
    return report


def _prepare_or_load(log: LogFolder, out: Path, options: Argoverse2Preparation,
                     journal: Journal) -> PreparedLog:
    name = f'{log.split}_{log.name}'
    sources = [log.annotations, log.path / 'city_SE3_egovehicle.feather',
               log.path / 'sensors' / 'lidar']
    done = journal.load(name, sources)
    if done is not None:
        return PreparedLog(done['entries'], done['objects'], Counter(done['left_out']),
                           done['damaged'])
    prepared = prepare_log(log, out, options)
    journal.save(name, sources, dict(entries=prepared.entries, objects=prepared.objects,
                                     left_out=dict(prepared.left_out), damaged=prepared.damaged))
    return prepared


def _all_logs(function: partial, logs: list[LogFolder], workers: Workers,
              failures: Failures) -> list[PreparedLog]:
    prepared = []
    for log, result in zip(logs, run_parallel(function, logs, workers, 'Argoverse 2 logs'),
                           strict=True):
        if not isinstance(result, DataError):
            prepared.append(result)
        else:
            failures.add(log.name, result)
    return prepared


def _make_folders(root: Path, out: Path, logs_of: dict[str, list[LogFolder]],
                  options: Argoverse2Preparation) -> None:
    make_folder(out, OTHER_OUT)
    if options.database_interval and 'train' in logs_of:
        make_folder(out / DATABASE_FOLDER, OTHER_OUT)
    if out.resolve() != root.resolve():
        for name in ['sensor'] if (root / 'sensor').is_dir() else logs_of:
            link_folder(root / name, out / name, OTHER_OUT)


def write_argoverse2_infos(entries: list[dict], split: str, stamp: dict,
                           report: PreparationReport, suffix: str = '') -> None:
    """Write the info file of a split.

    Args:
        suffix: of its name, for a part.
    """
    entries = [dict(entry, sample_idx=row) for row, entry in enumerate(entries)]
    path = report.out / f'argoverse2_infos_{split}{suffix}.pkl'
    write_info_file(path, dict(categories=CATEGORIES, dataset='argoverse2', info_version='1.1',
                               stamp=dict(stamp, split=split)), entries)
    report.add_split(split, entries)
    report.files.append(path)


def write_argoverse2_database(objects: list[dict], report: PreparationReport,
                              suffix: str = '') -> None:
    """Write the index of the database."""
    index = merge_entries([objects])
    path = report.out / f'{DATABASE_INDEX.removesuffix(".pkl")}{suffix}.pkl'
    write_plain_file(path, index)
    report.objects = {name: len(entries) for name, entries in index.items()}
    report.files.append(path)


def _stamp(root: Path, options: Argoverse2Preparation) -> dict:
    simulation = root / 'simulation.json'
    source = 'Argoverse 2 sensor data set'
    if simulation.is_file():
        source = f'simulated: {json.dumps(json.loads(simulation.read_text()), sort_keys=True)}'
    return dict(format_version=FORMAT_VERSION, box_convention=BOX_CONVENTION, source=source,
                options=asdict(options), writer=f'sparse3d {__version__}')
