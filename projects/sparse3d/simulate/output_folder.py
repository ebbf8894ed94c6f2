"""The folder a simulation writes to: its stamp, whole files, and what is already there."""
from __future__ import annotations

import json
from pathlib import Path

from sparse3d.atomic_files import make_folder, write_bytes_atomically
from sparse3d.errors import DataError

STAMP = 'simulation.json'
PARTIAL = '.*.tmp'  # files that a killed run was still writing; see `atomic_file`


def write_lines(path: Path, lines: list[str]) -> None:
    """Write lines of text as one whole file; no lines give an empty file."""
    write_bytes_atomically(path, ''.join(f'{line}\n' for line in lines).encode())


def open_folder(root: Path, folders: list[str], stamp: dict) -> None:
    """Make the folders and the stamp, or check that those there belong to this simulation.

    Args:
        folders: folders below ``root`` that the simulation fills.
        stamp: what decides the content of every frame; two equal stamps make equal frames.

    Raises:
        DataError: if ``root`` holds something else, or cannot be written.
    """
    existing = read_stamp(root)
    if existing is not None:
        _check_stamp(root, existing, stamp)
    elif any((root / folder).exists() for folder in folders):
        raise DataError(f'{root} already holds data that no simulation wrote; choose an empty '
                        'folder')
    for folder in folders:
        make_folder(root / folder)
        for leftover in (root / folder).glob(PARTIAL):
            leftover.unlink(missing_ok=True)
    if existing is None:
        write_lines(root / STAMP, [json.dumps(stamp, indent=2)])


def read_stamp(root: Path) -> dict | None:
    """The stamp of a folder, None if there is none.

    Raises:
        DataError: if the stamp cannot be read.
    """
    path = root / STAMP
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f'{path} is not a readable stamp ({error}); remove the folder or choose '
                        'another') from error


def _check_stamp(root: Path, existing: dict, wanted: dict) -> None:
    if not isinstance(existing, dict):
        raise DataError(f'{root / STAMP} is not the stamp of a simulation; choose another folder')
    wanted = json.loads(json.dumps(wanted))  # tuples become lists, as in the file
    different = [key for key in sorted(existing.keys() | wanted.keys())
                 if existing.get(key) != wanted.get(key)]
    if different:
        key = different[0]
        raise DataError(
            f'{root} holds another simulation ({key} is {existing.get(key)}, not '
            f'{wanted.get(key)}); choose an empty folder or repeat the options in {STAMP}')
