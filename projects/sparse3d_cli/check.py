"""Look for problems in a prepared data set. Exit status 1 when there are some."""
from __future__ import annotations

import argparse
from pathlib import Path

from sparse3d.plugins import examples_of


def examples() -> list[str]:
    """Command lines for ``--help``, from the contracts of the data sets."""
    return examples_of('check')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('root', help='data root with the info files')


def run(arguments: argparse.Namespace) -> int:
    from sparse3d.apis.check import check_root
    reports = check_root(Path(arguments.root))
    problems = sum(len(report.problems) for report in reports)
    print('\n'.join(map(str, reports)))
    print(f'checked {arguments.root}: ' + (f'{problems} problems' if problems else 'it is sound'))
    return 1 if problems else 0
