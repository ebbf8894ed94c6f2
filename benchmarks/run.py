"""Benchmarks run by name, in one process, with what is needed to read their numbers."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

import sparse3d.register  # noqa: F401
from sparse3d.engine.allocator import set_allocator
from sparse3d.engine.result_record import commit, device_name
from sparse3d.engine.timing import torch_threads
from sparse3d.errors import ConfigError
from sparse3d.parallel.progress import Activity
from sparse3d.plugins import load, near, offers


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
    """

    benchmark: str
    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    note: str = ''


def benchmark(names: Sequence[str] = ('all',), threads: int = 2, repeats: int = 10) -> list[Row]:
    """Run benchmarks one after the other.

    Args:
        names: of benchmarks that installed plug-ins offer, or ``'all'``.
        threads: torch threads; each benchmark says where it uses another number.
        repeats: timed calls of each function, after warm-up; medians are reported.

    Raises:
        ConfigError: for an unknown name.
        PluginError: if a plug-in's benchmark cannot be imported.
    """
    set_allocator()  # as training and testing do
    rows = []
    there = offers('benchmarks')
    for name in chosen(names):
        with torch_threads(threads), Activity(f'benchmark {name}'):
            found = load(there[name])(threads=threads, repeats=repeats)
        rows += [Row(benchmark=name, **row) for row in found]
    return rows


def format_table(rows: Sequence[Row], threads: int) -> str:
    """Rows as a text table under a line that names machine, threads, torch and commit."""
    head = (f'{device_name()}; {threads} threads; torch {torch.__version__}; '
            f'commit {commit() or "unknown"}')
    cells = [('benchmark', 'what', 'value', 'baseline', 'ratio', 'note')]
    cells += [(row.benchmark, row.name, f'{_number(row.value)} {row.unit}',
               '' if row.baseline is None else f'{_number(row.baseline)} {row.unit}',
               '' if row.ratio is None else f'{row.ratio:.2f}x', row.note) for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = ['  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
             for row in cells]
    lines.insert(1, '  '.join('-' * width for width in widths))
    return '\n'.join([head, '', *lines])


def chosen(names: Sequence[str]) -> list[str]:
    """The names of the benchmarks meant, ``'all'`` written out.

    Raises:
        ConfigError: for an unknown name.
    """
    there = offers('benchmarks')
    if 'all' in names:
        return list(there)
    for name in names:
        if name not in there:
            raise ConfigError(f'there is no benchmark {name!r}{near(name, there)}')
    return list(names)


def _number(value: Any) -> str:
    return f'{value:,.0f}' if abs(value) >= 1000 else f'{value:.4g}'
