"""Benchmarks run by name, in one process, with what is needed to read their numbers."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch

from sparse3d.engine.allocator import set_allocator
from sparse3d.engine.result_record import commit, device_name
from sparse3d.engine.timing import torch_threads
from sparse3d.errors import ConfigError
from sparse3d.parallel.heartbeat import Activity

# Name on the command line -> module with ``run(threads, repeats)``.
BENCHMARKS = {
    'sparse_convolution': 'sparse3d_benchmarks.sparse_convolution',
    'freed_memory': 'sparse3d_benchmarks.freed_memory',
    'waiting_threads': 'sparse3d_benchmarks.waiting_threads',
    'voxelization': 'sparse3d_benchmarks.voxelization',
    'rotated_iou': 'sparse3d_benchmarks.rotated_iou',
    'kitti_metric': 'sparse3d_benchmarks.kitti_metric',
    'waymo_metric': 'sparse3d_benchmarks.waymo_metric',
    'data': 'sparse3d_benchmarks.data',
    'data_memory': 'sparse3d_benchmarks.data_memory',
    'focalsconv': 'focalsconv.benchmark',
    'voxelkp': 'voxelkp.benchmark',
    'dsvt': 'dsvt.benchmark',
    'sparsebev': 'sparsebev.benchmark',
    'sparsefusion': 'sparsefusion.benchmark',
}


@dataclass(frozen=True)
class Row:
    """One measured line.

    Attributes:
        benchmark: name of the module it comes from.
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
        names: keys of ``BENCHMARKS``, or ``'all'``.
        threads: torch threads; each benchmark says where it uses another number.
        repeats: timed calls of each function, after warm-up; medians are reported.

    Raises:
        ConfigError: for a name that is unknown or not installed.
    """
    set_allocator()  # as training and testing do
    rows = []
    for name in chosen(names):
        with torch_threads(threads), Activity(f'benchmark {name}'):
            found = import_module(BENCHMARKS[name]).run(threads=threads, repeats=repeats)
        rows += [Row(benchmark=name, **row) for row in found]
    return rows


def available() -> list[str]:
    """Names of the benchmarks whose modules are there."""
    return [name for name, module in BENCHMARKS.items() if _is_there(module)]


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
        ConfigError: for a name that is unknown or not installed.
    """
    if 'all' in names:
        return available()
    for name in names:
        if name not in BENCHMARKS:
            near = get_close_matches(name, BENCHMARKS, n=1)
            hint = f'; did you mean {near[0]!r}?' if near else ''
            raise ConfigError(f'there is no benchmark {name!r}{hint} '
                              f'(there are {", ".join(available())})')
        if not _is_there(BENCHMARKS[name]):
            raise ConfigError(f'the benchmark {name!r} is not installed: '
                              f'{BENCHMARKS[name]} is missing')
    return list(names)


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _number(value: Any) -> str:
    return f'{value:,.0f}' if abs(value) >= 1000 else f'{value:.4g}'
