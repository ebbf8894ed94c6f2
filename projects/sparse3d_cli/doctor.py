"""What works on this machine: a table, with the remedy beside each row that fails.

Exit status 1 when something is broken, else 0.
"""
from __future__ import annotations

import argparse
import sys
import warnings
from contextlib import suppress

from sparse3d_cli.environment_checks import Row, all_checks

LIGHT = True  # the table comes out where nothing of the stack can be imported
EXAMPLES = """\
  sparse3d doctor
"""
MARKS = {'ok': 'ok    ', 'note': 'note  ', 'broken': 'BROKEN'}
COLORS = {'ok': '32', 'note': '33', 'broken': '31'}


def print_row(row: Row) -> None:
    mark = MARKS[row.state]
    if sys.stdout.isatty():
        mark = f'\033[{COLORS[row.state]}m{mark}\033[0m'
    print(f'{mark}  {row.name:26s} {row.value}', flush=True)
    if row.remedy:
        print(f'{"":35s}-> {row.remedy}', flush=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The doctor takes none."""


def run(arguments: argparse.Namespace) -> int:
    with suppress(Exception):
        import sparse3d  # noqa: F401  (lets waiting threads sleep, before torch is loaded)
    warnings.filterwarnings('ignore')
    broken = 0
    for row in all_checks():
        print_row(row)
        broken += row.state == 'broken'
    print(f'\n{broken} broken' if broken else '\neverything needed works')
    return 1 if broken else 0
