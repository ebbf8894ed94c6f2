"""Tracks as they are saved here: a folder with a file of plain numbers for each frame."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sparse3d.atomic_files import make_folder
from sparse3d.errors import DataError
from sparse3d.structures.own_results import SUFFIXES
from sparse3d.structures.track_files import FrameTracks


def write_own_tracks(frames: Sequence[FrameTracks], path: Path, source: Path | None = None,
                     suffix: str = '.json') -> None:
    """``path/<frame>.json`` (``.csv``, ``.npz``) of each frame, which ``--results`` reads again.

    Each file appears as a whole or not at all.

    Raises:
        DataError: if the folder is a file or holds files of other frames, or cannot be written.
    """
    if path.is_file() or path.suffix.lower() in SUFFIXES:
        raise DataError(f'{path} has to be a folder: tracks are written as one {suffix} a frame')
    names = {f'{frame.name}{suffix}' for frame, _ in frames}
    if any(Path(name).name != name for name in names):
        raise DataError('a frame is called like a path; tracks cannot have its name as a file')
    others = sorted(other.name for other in path.iterdir() if other.suffix.lower() in SUFFIXES
                    and other.name not in names) if path.is_dir() else []
    if others:
        raise DataError(f'{path} holds {len(others)} files of other frames or formats, {others[0]} '
                        f'first; choose an empty folder with --out')
    make_folder(path)
    for frame, tracks in frames:
        tracks.save(path / f'{frame.name}{suffix}')
