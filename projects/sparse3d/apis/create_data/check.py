"""``create_data.py check``: looks at whatever prepared data set the folder holds."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sparse3d.errors import DataError
from sparse3d.plugins import data_sets, load

if TYPE_CHECKING:
    from sparse3d.preparation.check_report import CheckReport


def add_check(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    check = commands.add_parser('check', help='look for problems in a prepared data set')
    check.add_argument('root', help='data root with the info files')
    check.set_defaults(run=_check)


def check_root(root: Path) -> list[CheckReport]:
    """Reports of every data set whose info files lie in a folder.

    Raises:
        DataError: if there is none.
    """
    checked = [data_set for data_set in data_sets().values() if data_set.check]
    reports = [load(data_set.check)((root / pattern).parent)
               for data_set in checked for pattern in data_set.info_files
               if any(root.glob(pattern))]
    if not reports:
        patterns = ', '.join(pattern for data_set in checked for pattern in data_set.info_files)
        names = '|'.join(data_set.name for data_set in checked)
        raise DataError(f'{root} holds no info file ({patterns}); make them with '
                        f'"python tools/create_data.py {names} {root}"')
    return reports


def _check(arguments: argparse.Namespace) -> int:
    reports = check_root(Path(arguments.root))
    problems = sum(len(report.problems) for report in reports)
    print('\n'.join(map(str, reports)))
    print(f'checked {arguments.root}: ' + (f'{problems} problems' if problems else 'it is sound'))
    return 1 if problems else 0
