"""Formats of detections by name, and files of detections by suffix.

Data sets and visualization register theirs when they are imported, which ``sparse3d.register``
does; :class:`~sparse3d.structures.detections.Detections` looks them up here. Plain numbers, in
:mod:`sparse3d.structures.detection_numbers`, are always there.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from sparse3d.errors import ConfigError, DataError


@dataclass(frozen=True)
class DetectionFormat:
    """How detections become a value in another format, and back.

    Attributes:
        to: ``(detections, **options) -> value``.
        of: ``(value, class_names, **options) -> detections``; None where there is no way back.
        read: ``(path, camera) -> detections`` with the data set's own classes, for its official
            files; None where it has none.
    """

    to: Callable[..., Any]
    of: Callable[..., Any] | None = None
    read: Callable[..., Any] | None = None


@dataclass(frozen=True)
class DetectionFile:
    """How detections become a file, and back.

    Attributes:
        save: ``(detections, path, camera)``; writes the file whole or not at all.
        read: ``(path, class_names, camera) -> detections``; None for pictures.
    """

    save: Callable[..., None]
    read: Callable[..., Any] | None = None


LARGEST_NUMBER = 1e30  # of a box or a score; what is larger is damage, and float32 loses it
Kind = TypeVar('Kind', DetectionFormat, DetectionFile)
_FORMATS: dict[str, DetectionFormat] = {}
_FILES: dict[str, DetectionFile] = {}


def register_format(name: str, to: Callable[..., Any],
                    of: Callable[..., Any] | None = None,
                    read: Callable[..., Any] | None = None) -> None:
    """Make ``detections.to(name)`` known, its inverse, and the reader of official files.

    Raises:
        ConfigError: if the name is taken by another format.
    """
    _register(_FORMATS, name, DetectionFormat(to, of, read))


def register_file(suffix: str, save: Callable[..., None],
                  read: Callable[..., Any] | None = None) -> None:
    """Make ``detections.save('name' + suffix)`` known, and its inverse.

    Raises:
        ConfigError: if the suffix is taken by another format.
    """
    _register(_FILES, suffix, DetectionFile(save, read))


def format_named(name: str) -> DetectionFormat:
    """The format of a name.

    Raises:
        DataError: if there is none.
    """
    if name not in _FORMATS:
        raise DataError(f'there is no format {name!r} of detections; there are '
                        f'{", ".join(sorted(_FORMATS))} (sparse3d.register imports all)')
    return _FORMATS[name]


def file_format(suffix: str) -> DetectionFile | None:
    """What writes files with a suffix, or None."""
    return _FILES.get(suffix.lower())


def suffixes() -> list[str]:
    """All suffixes of files that detections are saved as."""
    return sorted(_FILES)


def finite_number(value: Any, what: str) -> float:
    """A finite number; velocities may be unknown (NaN).

    Raises:
        DataError: for anything else, by the name ``what``.
    """
    if isinstance(value, bool):
        raise DataError(f'{what} is {value}, no number')
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f'{what} is {value!r:.60}, no number') from error
    unknown = what in ('vx', 'vy') and np.isnan(number)
    if not unknown and not abs(number) < LARGEST_NUMBER:
        raise DataError(f'{what} is {value!r:.60}, no finite number of a box')
    return number


def _register(table: dict[str, Kind], name: str, made: Kind) -> None:
    if table.setdefault(name, made) != made:
        raise ConfigError(f'two formats of detections are called {name!r}: '
                          f'{_origin(table[name])} and {_origin(made)}')


def _origin(made: DetectionFormat | DetectionFile) -> str:
    return (made.to if isinstance(made, DetectionFormat) else made.save).__module__
