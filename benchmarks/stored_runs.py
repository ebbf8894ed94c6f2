"""Stored runs of benchmarks beside a new one: how many times better each row is than before."""
from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from sparse3d.errors import DataError

Key = tuple[str, str, int]
# To the base unit; what ends with /s is a rate, of which more is better, of all else less.
UNITS = {'s': 1.0, 'ms': 1e-3, 'MB': 1e6, 'MiB': 2.0 ** 20, 'GB': 1e9, 'GiB': 2.0 ** 30}
KINDS = ({'s', 'ms'}, {'MB', 'MiB', 'GB', 'GiB'})


@dataclass(frozen=True)
class StoredRow:
    """A row of a stored run.

    Attributes:
        value: the figure.
        unit: of it.
        ratio: how many times better than its baseline in that run, or None.
        run: number of its run, from 1.
    """

    value: float
    unit: str
    ratio: float | None
    run: int

    def times(self, value: float, unit: str) -> float | None:
        """How many times better a figure is than this one; None where they cannot be compared."""
        if not value or not self.value:
            return None
        if unit.endswith('/s') or self.unit.endswith('/s'):
            return value / self.value if unit == self.unit else None
        if unit != self.unit and not any({unit, self.unit} <= kind for kind in KINDS):
            return None
        return self.value * UNITS.get(self.unit, 1.0) / (value * UNITS.get(unit, 1.0))


@dataclass(frozen=True)
class StoredRuns:
    """All rows of stored runs by benchmark and name; the newest where several have one.

    Attributes:
        rows: what :func:`keys_of` gives to the row.
        runs: a sentence about each run: file, machine, threads, torch, commit, date.
        devices: machine of each run.
    """

    rows: Mapping[Key, StoredRow] = field(default_factory=dict)
    runs: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()

    @classmethod
    def read(cls, paths: Sequence[str | PathLike]) -> StoredRuns:
        """Runs of files that ``benchmark --out`` wrote, and of all such files in folders.

        Raises:
            DataError: for a path that is not there, a file that is no such run, or a folder
                without any.
        """
        found = [run for path in paths for run in _runs_at(Path(path))]
        found.sort(key=lambda run: str(run[1].get('date')))
        rows: dict[Key, StoredRow] = {}
        for number, (_, content) in enumerate(found, start=1):
            names = [(row['benchmark'], row['name']) for row in content['rows']]
            for key, row in zip(keys_of(names), content['rows'], strict=True):
                rows[key] = StoredRow(float(row['value']), str(row['unit']), row.get('ratio'),
                                      number)
        return cls(rows, tuple(_about(*run) for run in found),
                   tuple(str(content.get('device')) for _, content in found))

    def missing(self, measured: Sequence[Key]) -> list[str]:
        """Rows of the benchmarks measured that were there before and now are not."""
        benchmarks = {key[0] for key in measured}
        return [f'{key[0]}: {key[1]}' for key in self.rows
                if key[0] in benchmarks and key not in measured]


def keys_of(names: Sequence[tuple[str, str]]) -> list[Key]:
    """Benchmark, name, and how many rows of this name there were before, for each row."""
    seen: Counter[tuple[str, str]] = Counter()
    keys = []
    for name in names:
        keys.append((*name, seen[name]))
        seen[name] += 1
    return keys


def _runs_at(path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    if path.is_dir():
        runs = [(file, content) for file in sorted(path.glob('*.json'))
                if _is_run(content := _content(file))]
        if not runs:
            raise DataError(f'the folder {path} holds no stored run of benchmarks; write one with '
                            f'sparse3d benchmark --out {path}/benchmark.json')
        yield from runs
        return
    content = _content(path)
    if not _is_run(content):
        raise DataError(f'{path} is no stored run of benchmarks (it has no rows with benchmark, '
                        f'name, value and unit); give a file that sparse3d benchmark --out wrote')
    yield path, content


def _content(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except FileNotFoundError as error:
        raise DataError(f'the stored run {path} does not exist; give a file that sparse3d '
                        f'benchmark --out wrote, or the folder of such files') from error
    except (OSError, ValueError) as error:
        raise DataError(f'the stored run {path} cannot be read: {error}') from error


def _is_run(content: Any) -> bool:
    rows = content.get('rows') if isinstance(content, dict) else None
    return isinstance(rows, list) and bool(rows) and all(
        isinstance(row, dict) and {'benchmark', 'name', 'value', 'unit'} <= row.keys()
        and isinstance(row['value'], int | float) for row in rows)


def _about(path: Path, content: Mapping[str, Any]) -> str:
    return (f'{path}: {content.get("device")}; {content.get("threads")} threads; torch '
            f'{content.get("torch")}; commit {content.get("commit")}; {content.get("date")}')
