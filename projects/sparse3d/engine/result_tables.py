"""Tables of a README, made from the JSON files under ``results/``.

A table stands between two comments, which stay:

    <!-- table: benchmark.json -->
    <!-- table: scores.json | kitti/Car_3D_R40_easy | kitti/Car_3D_R40_moderate -->
    ...
    <!-- end of table -->
    <!-- lines: original/dsvt_model.json -->
    ...
    <!-- end of table -->

The third form is for rows of benchmarks that were profiled: the operators with the most time of
their own, one column for each row. The first form is for the rows of ``sparse3d benchmark --out``,
the second for files that hold
a list of ``runs``, each with a ``name`` and the ``metrics`` of ``sparse3d test --out``, such as
``sparse3d compare`` writes. Runs of one name are seeds: one row with mean and standard deviation.
``KEY as TEXT`` gives a column another head.
"""
from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from sparse3d.errors import DataError

BLOCK = re.compile(r'(<!-- (?P<kind>table|lines): (?P<what>[^>]*?) -->\n).*?'
                   r'(<!-- end of table -->)', re.DOTALL)


def fill_tables(text: str, results: Path) -> str:
    """The text with every table made anew from the files in the folder ``results``.

    Raises:
        DataError: if a file is missing or does not hold what its table asks for.
    """
    return BLOCK.sub(lambda match: match[1] + _table(match['kind'], match['what'], results)
                     + match[4], text)


def _table(kind: str, what: str, results: Path) -> str:
    name, *keys = (part.strip() for part in what.split('|'))
    path = results / name
    try:
        content = json.loads(path.read_text())
        if kind == 'lines':
            return _lines_table(content)
        return _score_table(content, keys) if keys else _benchmark_table(content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f'no table from {path}: {type(error).__name__} {error}; write it anew with '
                        'the command beside the table') from error


def _score_table(content: dict, keys: list[str]) -> str:
    names = list(dict.fromkeys(run['name'] for run in content['runs']))
    columns = [_Column.parse(key) for key in keys]
    rows = [[name, *(column.cell([run['metrics'] for run in content['runs']
                                  if run['name'] == name]) for column in columns)]
            for name in names]
    return _markdown(['', *(column.head for column in columns)], rows)


@dataclass(frozen=True)
class _Column:
    key: str
    head: str

    @classmethod
    def parse(cls, text: str) -> _Column:
        key, _, head = text.partition(' as ')
        return cls(key, head or key.split('/')[-1].replace('_', ' '))

    def cell(self, seeds: list[dict[str, float]]) -> str:
        values = [metrics[self.key] for metrics in seeds if self.key in metrics]
        if not values and self.key.startswith('cost/') and seeds:
            return ''  # a kind of model that has no such cost
        if not values:
            raise KeyError(self.key)
        digits = 0 if abs(mean(values)) >= 100 else 2 if abs(mean(values)) >= 1 else 3
        spread = f' ± {stdev(values):,.{digits}f}' if len(values) > 1 else ''
        return f'{mean(values):,.{digits}f}{spread}'


def _benchmark_table(content: dict) -> str:
    rows = [[row['name'], f'{_short(row["value"])} {row["unit"]}', _baseline(row), _ratio(row)]
            for row in content['rows']]
    where = f'{content["device"]}, {content["threads"]} threads, torch {content["torch"]}'
    return _markdown(['', 'here', 'baseline', 'ratio'], rows) + f'\n({where})\n'


def _lines_table(content: dict) -> str:
    rows = [row for row in content['rows'] if row.get('lines')]
    cells = [[f'`{name}` {100 * share:.0f} %' for name, share in row['lines']] for row in rows]
    return _markdown([row['name'] for row in rows],
                     [list(line) for line in zip(*cells, strict=True)])


def _baseline(row: dict) -> str:
    return '' if row.get('baseline') is None else f'{_short(row["baseline"])} {row["unit"]}'


def _ratio(row: dict) -> str:
    if row.get('ratio') is None:
        return ''
    two_digits = float(f'{row["ratio"]:.2g}')
    return f'{two_digits:g}x'


def _short(value: float) -> str:
    return f'{value:.3g}' if abs(value) < 1000 else f'{value:,.0f}'


def _markdown(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ['---', *['--:'] * (len(header) - 1)], *rows]
    return ''.join('| ' + ' | '.join(line) + ' |\n' for line in lines)
