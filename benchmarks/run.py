"""Benchmarks run by name, in one process, with what is needed to read their numbers."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

import sparse3d.register  # noqa: F401
from sparse3d.engine.allocator import set_allocator
from sparse3d.engine.result_record import commit, device_name
from sparse3d.engine.timing import torch_threads
from sparse3d.errors import ConfigError, PluginError
from sparse3d.parallel.progress import Activity
from sparse3d.plugins import load, offers, owner_of, register
from sparse3d_benchmarks.names import chosen
from sparse3d_benchmarks.stored_runs import Key, StoredRuns, keys_of

BAR = 1.5  # times the original


@dataclass(frozen=True)
class Row:
    """One measured line.

    Attributes:
        benchmark: its name.
        name: what was measured.
        value: the figure of this code.
        unit: of ``value`` and ``baseline``.
        baseline: the figure of what it is compared with in the same run, or None.
        ratio: how many times better than the baseline, or None.
        note: what the baseline is, sizes, spread.
        original: the baseline is the original's way: the released code, spconv, mmcv, a devkit; not
            another setting of ours. A row with a baseline says False where it is not.
        lines: of a profile of this code, the largest first: operator, and its share of the time.
    """

    benchmark: str
    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    note: str = ''
    original: bool = False
    lines: Sequence[tuple[str, float]] = ()

    @classmethod
    def of(cls, benchmark: str, row: Mapping[str, Any]) -> Row:
        """A row as a benchmark gives it."""
        return cls(benchmark=benchmark, **{'original': row.get('ratio') is not None, **row})


def benchmark(names: Sequence[str] = ('all',), threads: int = 2, repeats: int = 10,
              on_error: Callable[[str, Exception], None] | None = None) -> list[Row]:
    """Run benchmarks one after the other.

    Args:
        names: of benchmarks that installed plug-ins offer, or ``'all'``.
        threads: torch threads; each benchmark says where it uses another number.
        repeats: timed calls of each function, after warm-up; medians are reported.
        on_error: called with the name of a benchmark and its error, so that the others run all
            the same; by default the first error ends the run.

    Raises:
        ConfigError: for an unknown name, or less than one thread or call.
        PluginError: if a plug-in's benchmark cannot be imported.
    """
    for what, number in (('threads', threads), ('repeats', repeats)):
        if number < 1:
            raise ConfigError(f'{what} is {number}; benchmarks need at least 1')
    set_allocator()  # as training and testing do
    rows = []
    there = offers('benchmarks')
    for name in chosen(names):
        try:
            with torch_threads(threads), Activity(f'benchmark {name}'):
                found = _function(name, there[name])(threads=threads, repeats=repeats)
        except Exception as error:  # hours of other rows are not lost by it
            if on_error is None:
                raise
            on_error(name, error)
            continue
        rows += [Row.of(name, row) for row in found]
    return rows


def _function(name: str, reference: str) -> Callable[..., list[dict[str, Any]]]:
    """A benchmark's function, once its plug-in has registered what its configs name."""
    owner = owner_of('benchmarks', name)
    if owner is not None:
        register([owner], _refuse)
    return load(reference)


def _refuse(name: str, error: Exception) -> None:
    raise PluginError(f'the plug-in {name} cannot be imported: {error}') from error


def beside(rows: Sequence[Row], before: StoredRuns) -> list[dict[str, Any]]:
    """What each row was in stored runs: ``before``, its unit, how many times better than it, its
    ratio to the baseline, number of the run; None where it was not measured."""
    stored = [before.rows.get(key) for key in _keys(rows)]
    return [dict(before=old and old.value, unit_before=old and old.unit,
                 times_before=old and old.times(row.value, row.unit),
                 ratio_before=old and old.ratio, run_before=old and old.run)
            for row, old in zip(rows, stored, strict=True)]


def format_table(rows: Sequence[Row], threads: int, before: StoredRuns | None = None) -> str:
    """Rows as a text table under a line that names machine, threads, torch and commit.

    Args:
        before: stored runs, whose figures then stand beside; lines below name the runs.
    """
    head = (f'{device_name()}; {threads} threads; torch {torch.__version__}; '
            f'commit {commit() or "unknown"}')
    cells = [('benchmark', 'what', 'value', 'baseline', 'ratio',
              *(() if before is None else ('before', 'than before', 'ratio before')), 'note')]
    old = [()] * len(rows) if before is None else map(_before_cells, beside(rows, before))
    cells += [(row.benchmark, row.name, _figure(row.value, row.unit),
               _figure(row.baseline, row.unit), _times(row.ratio), *more, row.note)
              for row, more in zip(rows, old, strict=True)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = ['  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
             for row in cells]
    lines.insert(1, '  '.join('-' * width for width in widths))
    return '\n'.join([head, '', *lines, *(() if before is None else _about(rows, before))])


def told_ratios(rows: Sequence[Row]) -> str:
    """One line: how many rows reach the bar, and which do not."""
    below = [row for row in rows if row.ratio is not None and row.ratio < BAR]
    names = '; '.join(f'{row.benchmark}: {row.name} {_times(row.ratio)}' for row in below)
    return (f"{len(rows)} rows beside the original's way, {len(rows) - len(below)} of them at "
            f'least {BAR:g} times' + (f'; below: {names}' if below else ''))


def _before_cells(old: Mapping[str, Any]) -> tuple[str, str, str]:
    number = '' if old['run_before'] is None else f' [{old["run_before"]}]'
    return (_figure(old['before'], old['unit_before']) + number, _times(old['times_before']),
            _times(old['ratio_before']))


def _about(rows: Sequence[Row], before: StoredRuns) -> list[str]:
    """Lines on the stored runs, and what has no counterpart on one side."""
    keys = _keys(rows)
    missing = before.missing(keys)
    lines = ['', *(f'[{number}] {about}' for number, about in enumerate(before.runs, start=1)),
             f'{sum(key in before.rows for key in keys)} of {len(rows)} rows were measured before']
    if any(device != device_name() for device in before.devices):
        lines.append('stored runs are of another machine: their ratios compare, figures do not')
    if missing:
        lines.append(f'{len(missing)} rows of before are not there now: {"; ".join(missing)}')
    return lines


def _keys(rows: Sequence[Row]) -> list[Key]:
    return keys_of([(row.benchmark, row.name) for row in rows])


def _figure(value: float | None, unit: str | None) -> str:
    return '' if value is None else f'{_number(value)} {unit}'


def _times(value: float | None) -> str:
    return '' if value is None else f'{value:.2f}x'


def _number(value: Any) -> str:
    return f'{value:,.0f}' if abs(value) >= 1000 else f'{value:.4g}'
