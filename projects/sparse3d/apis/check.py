"""Looks at whatever prepared data set a folder holds."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sparse3d.errors import DataError
from sparse3d.plugins import data_sets, load

if TYPE_CHECKING:
    from sparse3d.preparation.check_report import CheckReport


def check_root(root: Path) -> list[CheckReport]:
    """Reports of every data set whose info files lie in a folder.

    Raises:
        DataError: if there is none.
    """
    checked = [(data_set, data_set.check) for data_set in data_sets().values() if data_set.check]
    reports = [load(check)((root / pattern).parent)
               for data_set, check in checked for pattern in data_set.info_files
               if any(root.glob(pattern))]
    if not reports:
        patterns = ', '.join(pattern for data_set, _ in checked
                             for pattern in data_set.info_files)
        names = '|'.join(data_set.name for data_set, _ in checked)
        raise DataError(f'{root} holds no info file ({patterns}); make them with '
                        f'"sparse3d create-data {names} {root}"')
    return reports
