"""A config for whatever prepared data set a folder holds."""
from __future__ import annotations

from os import PathLike
from pathlib import Path

from sparse3d.errors import DataError
from sparse3d.plugins import data_sets, load


def propose_config(root: str | PathLike, out: str | PathLike | None = None,
                   overwrite: bool = False) -> object:
    """Write a config that fits the data set in a folder; returns a report to print.

    Args:
        root: of the prepared data set.
        out: file to write; by default one in the folder.
        overwrite: replace a file that is there.

    Raises:
        DataError: if no data set that a config can be proposed for lies there, or its data
            cannot tell.
    """
    root = Path(root)
    proposing = [data_set for data_set in data_sets().values() if data_set.propose]
    for data_set in proposing:
        if data_set.propose and any(any(root.glob(pattern)) for pattern in data_set.info_files):
            return load(data_set.propose)(root, out, overwrite)
    patterns = ', '.join(pattern for data_set in proposing for pattern in data_set.info_files)
    names = '|'.join(data_set.name for data_set in proposing)
    raise DataError(f'{root} holds no info file that a config can be proposed from ({patterns}); '
                    f'make them with "sparse3d create-data {names} {root}"; data sets of '
                    f'benchmarks have configs already (sparse3d list configs)')
