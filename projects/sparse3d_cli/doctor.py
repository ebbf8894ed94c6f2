"""What works on this machine: a table, with the remedy beside each row that fails.

Exit status 1 when something is broken, else 0.
"""
from __future__ import annotations

import argparse
import logging
import sys
import warnings
from typing import TYPE_CHECKING

from sparse3d_cli.own_package import foreign_package

if TYPE_CHECKING:
    from sparse3d.apis.environment_checks import Row

LIGHT = True  # the table comes out where nothing of the stack can be imported
EXAMPLES = """\
  sparse3d doctor
  sparse3d doctor --compile
"""
MARKS = {'ok': 'ok    ', 'note': 'note  ', 'broken': 'BROKEN'}
COLORS = {'ok': '32', 'note': '33', 'broken': '31'}


def print_row(row: Row) -> None:
    print_line(row.state, row.name, row.value, row.remedy)


def print_line(state: str, name: str, value: str, remedy: str) -> None:
    mark = MARKS[state]
    if sys.stdout.isatty():
        mark = f'\033[{COLORS[state]}m{mark}\033[0m'
    print(f'{mark}  {name:26s} {value}', flush=True)
    if remedy:
        print(f'{"":35s}-> {remedy}', flush=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--compile', action='store_true',
                        help='first compile the kernels of sparse convolution (a C++ compiler, '
                             'some seconds); make install does it too')


def run(arguments: argparse.Namespace) -> int:
    foreign = foreign_package()
    if foreign:  # nothing of ours can be imported to check the rest
        value, _, remedy = foreign.partition(': ')
        print_line('broken', 'sparse3d', value, remedy)
        print('\n1 broken; the rest is checked when it is mended')
        return 1
    from sparse3d.apis.command_line import QUIET_LOGGERS
    from sparse3d.apis.environment_checks import all_checks
    warnings.filterwarnings('ignore')
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    if arguments.compile:
        from sparse3d.ops.compile_kernels import main as compile_kernels
        compile_kernels()
    broken = 0
    for row in all_checks():
        print_row(row)
        broken += row.state == 'broken'
    print(f'\n{broken} broken' if broken else '\neverything needed works')
    return 1 if broken else 0
