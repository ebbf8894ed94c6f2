"""Several detectors on the same data over several seeds: the numbers of a comparison table."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from sparse3d.apis.model_cost import measure_cost
from sparse3d.atomic_files import check_place, make_folder, write_bytes_atomically
from sparse3d.checkpoints.open import latest_checkpoint
from sparse3d.engine.config_options import parse_options
from sparse3d.engine.load_config import find_config, load_config
from sparse3d.engine.result_record import result_record
from sparse3d.engine.training_log import loss_by_epoch
from sparse3d.errors import ConfigError, DataError
from sparse3d.parallel.progress import Progress


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: what the table calls it.
        config: path or bare name of the config that is trained and tested.
        weights_of: name of the row whose trained weights are tested here instead of own ones.
    """

    name: str
    config: str
    weights_of: str | None = None

    @classmethod
    def parse(cls, text: str) -> Row:
        """Read ``CONFIG``, ``NAME=CONFIG`` or ``NAME=CONFIG@ROW``.

        Raises:
            ConfigError: if the config does not exist.
        """
        name, equals, config = text.rpartition('=')
        config, _, weights_of = config.partition('@')
        find_config(config)
        return cls(name if equals else Path(config).stem, config, weights_of or None)


@dataclass(frozen=True)
class Plan:
    """What is compared, and where everything goes."""

    rows: list[Row]
    seeds: list[int]
    out: Path                        # JSON file with the runs
    work_dir: Path                   # logs and checkpoints, by row and seed
    options: tuple[str, ...] = ()    # KEY=VALUE, over every config
    jobs: int = 1                    # trainings at once
    data: str = ''                   # command that made the data, for the reader
    allow_partial: bool = False      # load_from may fit some rows in part

    def check(self) -> None:
        """Refuse what could only fail after hours.

        Raises:
            ConfigError: if two rows share a name or a folder, weights come from no row of its own,
                or a config cannot be read with the options.
        """
        names = [row.name for row in self.rows]
        folders = [self.folder(row, 0) for row in self.rows if row.weights_of is None]
        doubled = sorted({name for name in names if names.count(name) > 1}
                         | {folder.name for folder in folders if folders.count(folder) > 1})
        if doubled:
            raise ConfigError(f'rows need different names: {", ".join(doubled)}')
        trained = {row.name for row in self.rows if row.weights_of is None}
        for row in self.rows:
            if row.weights_of is not None and row.weights_of not in trained:
                raise ConfigError(f'row {row.name!r} takes the weights of {row.weights_of!r}, '
                                  f'which is not trained here; rows that are: '
                                  f'{", ".join(sorted(trained))}')
            load_config(row.config, parse_options(self.options))

    def has(self, run: dict[str, Any]) -> bool:
        """Whether a run of a file is one of the plan's."""
        return run['name'] in [row.name for row in self.rows] and run['seed'] in self.seeds

    def place(self, run: dict[str, Any]) -> tuple[int, int]:
        """Where a run stands in the table; those of other plans at its end."""
        names = [row.name for row in self.rows]
        number = names.index(run['name']) if run['name'] in names else len(names)
        return number, run['seed']

    def folder(self, row: Row, seed: int) -> Path:
        """Where a row's training with a seed keeps its files."""
        trained = row.weights_of or row.name
        plain = ''.join(c if c.isalnum() else '_' for c in trained).strip('_').lower()
        return self.work_dir / f'{plain}_{seed}'


def compare(plan: Plan) -> dict[str, Any]:
    """Train and test every row with every seed; write each run to the file as it ends.

    Runs that the file already has are not repeated, a training that was stopped goes on: the
    same call after an interruption does only what is missing. Each run is a process of its own
    with an equal share of the cores, started as a user starts it (``sparse3d train``,
    ``sparse3d test``).

    Returns:
        What the file holds: ``runs``, each with ``name``, ``config``, ``seed``, ``metrics``, ...

    Raises:
        ConfigError: as :meth:`Plan.check`.
        DataError: if a training or test fails, with the log to read; the other runs end first.
    """
    plan.check()
    for path in (plan.out, plan.work_dir / 'run'):
        check_place(path)
    content = _content(plan)
    progress = Progress('runs', len(plan.rows) * len(plan.seeds))
    for run in filter(plan.has, content['runs']):
        progress.advance(run['name'])
    failures = []
    with ThreadPoolExecutor(plan.jobs) as pool:
        # What is missing is asked before the first result changes the content.
        groups = [pool.submit(list, _train_and_test(plan, row, seed, missing))
                  for row, seed, missing in list(_missing(plan, content))]
        for group in as_completed(groups):
            try:
                runs = group.result()
            except DataError as error:
                failures.append(str(error))
                continue
            content['runs'] += runs
            content['runs'].sort(key=plan.place)
            _write(plan.out, content)
            for run in runs:
                progress.advance(f'{run["name"]}, seed {run["seed"]}')
    if failures:
        raise DataError('; '.join(failures))
    return content


def add_costs(plan: Plan, frames: int) -> dict[str, Any]:
    """Measure time per frame and voxels of every run of the file, one after the other.

    Args:
        frames: how many of the test set, spread evenly, each alone.
    """
    content = _content(plan)
    runs = list(filter(plan.has, content['runs']))
    progress = Progress('measured', len(runs))
    for run in runs:
        row = next(row for row in plan.rows if row.name == run['name'])
        checkpoint = latest_checkpoint(plan.folder(row, run['seed']))
        if checkpoint is not None:
            run['metrics'].update(measure_cost(row.config, checkpoint, frames,
                                               parse_options(plan.options)))
            _write(plan.out, content)
        progress.advance(run['name'])
    return content


def _content(plan: Plan) -> dict[str, Any]:
    """What the file already has, runs that the plan does not ask for among it."""
    partial = dict(allow_partial=True) if plan.allow_partial else {}
    if not plan.out.is_file():
        return {'data': plan.data, 'options': list(plan.options), **partial, 'runs': []}
    try:
        content = json.loads(plan.out.read_text())
        content['runs'].sort(key=plan.place)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f'{plan.out} is not a file of this tool ({error}); name another one') \
            from error
    if content.get('options', []) != list(plan.options):
        raise DataError(f'the runs in {plan.out} were made with the options '
                        f'{content.get("options", [])}; name another file, or remove it')
    if content.get('allow_partial', False) != plan.allow_partial:
        raise DataError(f'the runs in {plan.out} were made '
                        f'{"without" if plan.allow_partial else "with"} --allow-partial; do as '
                        f'they did, or name another file')
    if plan.data:
        content['data'] = plan.data
    return content


def _missing(plan: Plan, content: dict[str, Any]) -> Iterator[tuple[Row, int, list[Row]]]:
    """Each training whose weights some rows are still to be tested with, and those rows."""
    done = {(run['name'], run['seed']) for run in content['runs']}
    for seed in plan.seeds:
        for row in plan.rows:
            tested = [other for other in plan.rows if (other.weights_of or other.name) == row.name]
            missing = [other for other in tested if (other.name, seed) not in done]
            if row.weights_of is None and missing:
                yield row, seed, missing


def _train_and_test(plan: Plan, row: Row, seed: int,
                    missing: list[Row]) -> Iterator[dict[str, Any]]:
    """Train a row, if it is not yet, and test its weights as the rows ``missing`` do."""
    folder = plan.folder(row, seed)
    make_folder(folder)
    start = time.monotonic()
    partial = ['--allow-partial'] if plan.allow_partial else []
    _run_verb(plan, folder, 'train', row.config, '--seed', str(seed), '--work-dir', str(folder),
              '--resume', *partial, options=(*plan.options, *_evaluation_later(row, plan)))
    minutes = (time.monotonic() - start) / 60
    checkpoint = latest_checkpoint(folder)
    for other in missing:
        scores = folder / 'scores.json'
        _run_verb(plan, folder, 'test', other.config, str(checkpoint), '--work-dir',
                  str(folder / 'test'), '--out', str(scores), options=plan.options)
        record = result_record(json.loads(scores.read_text()))
        yield {'name': other.name, 'config': other.config, 'seed': seed,
               'training_minutes': round(minutes, 1),
               'loss_by_epoch': [round(loss, 4) for loss in loss_by_epoch(folder)],
               **{key: record[key] for key in ('commit', 'device', 'torch', 'date')},
               'threads': _threads(plan), 'metrics': record['metrics']}


def _evaluation_later(row: Row, plan: Plan) -> tuple[str, ...]:
    """The test follows in its own process: none at the end of training."""
    epochs = load_config(row.config, parse_options(plan.options)).train_cfg.max_epochs
    return (f'train_cfg.val_begin={epochs + 1}', )  # the interval does not hold back the last


def _run_verb(plan: Plan, folder: Path, verb: str, *arguments: str,
              options: Sequence[str] = ()) -> None:
    command = [sys.executable, '-m', 'sparse3d', verb, *arguments]
    command += ['--cfg-options', *options] if options else []
    log = folder / f'{verb}.log'
    threads = {name: str(_threads(plan)) for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS')}
    with log.open('a') as out:
        code = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT,
                              env={**os.environ, **threads}).returncode
    if code:
        raise DataError(f'{verb} of {arguments[0]} failed with code {code}; see the end of {log}')


def _threads(plan: Plan) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
    return max(1, (cores or 1) // plan.jobs)


def _write(path: str | PathLike, content: dict[str, Any]) -> None:
    make_folder(Path(path).parent)
    write_bytes_atomically(path, (json.dumps(content, indent=1) + '\n').encode())
