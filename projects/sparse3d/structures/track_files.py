"""Files of tracks: a whole split in the format of a benchmark.

Data sets register theirs when they are imported, which ``sparse3d.register`` does.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.tracks import Tracks

# (description of a sample as info files have it, its tracks in the LiDAR frame)
FrameTracks = tuple[Mapping[str, Any], Tracks]


@dataclass(frozen=True)
class TrackFormat:
    """Tracks of one benchmark.

    Attributes:
        description: what such a file is, in words.
        class_names: that the benchmark tracks.
        write: ``(frames, path, source)``: writes the file whole or not at all; ``source`` is the
            result file that was tracked.
        evaluate: ``(path, root, frames) -> table`` of the benchmark's own scores, with the raw
            data set in ``root``; None where there is none.
    """

    description: str
    class_names: tuple[str, ...]
    write: Callable[[Sequence[FrameTracks], Path, Path], None]
    evaluate: Callable[[Path, Path, Sequence[Mapping[str, Any]]], str] | None = None


_FORMATS: dict[str, TrackFormat] = {}


def register_tracks(name: str, made: TrackFormat) -> None:
    """Make the format of a data set known.

    Raises:
        ConfigError: if the name is taken.
    """
    if _FORMATS.setdefault(name, made) is not made:
        raise ConfigError(f'two formats of tracks are called {name!r}')


def track_format(name: str) -> TrackFormat:
    """The format of a data set.

    Raises:
        DataError: if there is none.
    """
    if name not in _FORMATS:
        raise DataError(f'tracks of the data set {name!r} cannot be written; there is '
                        f'{", ".join(sorted(_FORMATS)) or "none"}')
    return _FORMATS[name]
