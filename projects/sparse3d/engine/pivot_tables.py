"""Tables of a page in which one thing has several figures, from the rows of a benchmark.

A table stands between two comments, which stay::

    <!-- pivot: exported_graphs.json | PointPillars, pillar_detector -->
    ...
    <!-- end of table -->

It has a line for each ``NAME`` of the rows ``PointPillars, pillar_detector, NAME: FIGURE`` and a
column for each ``FIGURE``, in the order of the file.
"""
from __future__ import annotations

import json
import re
from pathlib import Path

from sparse3d.errors import DataError

BLOCK = re.compile(r'(<!-- pivot: (?P<what>[^>]*?) -->\n).*?(<!-- end of table -->)', re.DOTALL)


def fill_pivot_tables(text: str, results: Path) -> str:
    """The text with every such table made anew from the files in the folder ``results``.

    Raises:
        DataError: if a file is missing, or has no rows of what the table asks for.
    """
    return BLOCK.sub(lambda match: match[1] + _table(match['what'], results) + match[3], text)


def _table(what: str, results: Path) -> str:
    name, _, group = (part.strip() for part in what.partition('|'))
    path = results / name
    try:
        content = json.loads(path.read_text())
        rows = [row for row in content['rows'] if row['name'].startswith(f'{group}, ')]
        if not rows:
            raise KeyError(group)
        where = (f'{content["device"]}, {content["threads"]} threads, torch {content["torch"]}, '
                 f'commit {content["commit"]}')
        return f'{_cells(rows, len(group) + 2)}\n({where})\n'
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f'no table from {path}: {type(error).__name__} {error}; write it anew with '
                        'the command beside the table') from error


def _cells(rows: list[dict], skipped: int) -> str:
    found: dict[str, dict[str, str]] = {}
    columns: dict[str, None] = {}
    for row in rows:
        line, _, column = row['name'][skipped:].rpartition(': ')
        found.setdefault(line, {})[column] = f'{_short(row["value"])} {row["unit"]}'.strip()
        columns[column] = None
    header = ['', *columns]
    lines = [header, ['---', *['--:'] * len(columns)],
             *([line, *(cells.get(column, '') for column in columns)]
               for line, cells in found.items())]
    return ''.join('| ' + ' | '.join(line) + ' |\n' for line in lines)


def _short(value: float) -> str:
    if 0 < abs(value) < 1e-2:
        return f'{value:.1e}'
    return f'{value:.3g}' if abs(value) < 1000 else f'{value:,.0f}'
