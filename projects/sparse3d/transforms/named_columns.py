"""What a point cloud file has, matched by name with what a model wants."""
from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.logging import print_log

from sparse3d.errors import DataError
from sparse3d.transforms.column_tables import Columns

AXES = ('x', 'y', 'z')
# Names in use for the same thing, the best first: Ouster, for one, has intensity and reflectivity.
KNOWN_AS = {
    'intensity': ('intensity', 'intensities', 'reflectance', 'reflectivity', 'remission',
                  'remissions', 'i'),
    'elongation': ('elongation', ),
    'age': ('age', 'time', 'timestamp', 'time_stamp', 't', 'timeoffset', 'time_offset',
            'offset_time', 'gps_time', 'gpstime'),
}
MAX_AGE = 10.0        # seconds that merged sweeps reach back at most
MAX_COORDINATE = 1e5  # meters; float32 keeps 8 mm there
_said: set[str] = set()


def column_names(columns: int) -> tuple[str, ...]:
    """What the numbers of a point mean where nobody says it: x, y, z, intensity, age.

    Six are x, y, z, intensity, elongation, age, as Waymo's; further ones have no name.
    """
    more = ('intensity', 'elongation', 'age') if columns > 5 else ('intensity', 'age')
    names = (*AXES, *more)
    return (*names[:columns], *(f'column {place}' for place in range(len(names), columns)))


def chosen_columns(names: Sequence[str], use: Sequence[int] | int | None) -> tuple[str, ...]:
    """The names of the columns that a loader keeps.

    Args:
        names: of all columns.
        use: places of those that are kept, or how many; None keeps all.
    """
    use = range(len(names)) if use is None else range(use) if isinstance(use, int) else use
    return tuple(names[place] if place < len(names) else f'column {place}' for place in use)


def points_of_columns(found: Columns, wanted: Sequence[str], path: str | os.PathLike) -> np.ndarray:
    """The wanted columns of a file as one array; what it lacks is 0, and said once.

    Args:
        found: columns of the file by name; any spelling in :data:`KNOWN_AS`.
        wanted: names in the order of the result; x, y, z first.
        path: of the file, for errors and warnings.

    Returns:
        (N, columns) float32.

    Raises:
        DataError: if x, y or z is absent, or see :func:`refuse_map_coordinates`.
    """
    by_name = {_plain(name): values for name, values in reversed(found.items())}
    has = f'columns: {", ".join(found) or "none"}'
    lacking = [name for name in AXES if name not in by_name]
    if lacking:
        raise DataError(f'{path} holds no points with x, y, z: {lacking[0]} is absent ({has})')
    refuse_map_coordinates([by_name[name] for name in AXES], path)
    points = np.zeros((len(by_name['x']), len(wanted)), np.float32)
    for column, name in enumerate(wanted):
        if name in AXES:
            values = by_name[name]
        else:
            key = next((key for key in KNOWN_AS.get(name, (name, )) if key in by_name), None)
            values = None if key is None else by_name[key]
            if values is None and name != 'age':  # points of one moment have no age
                say_once(f'{path} has no {name} ({has}); 0 is used', path, f'{name} {has}')
            elif name == 'age' and values is not None:
                values = _ages(values, key, path)
        if values is not None:
            with np.errstate(over='ignore', invalid='ignore'):
                points[:, column] = values.astype(np.float32)
    say_incomplete_points(points, wanted, path)
    return points


def say_incomplete_points(points: np.ndarray, names: Sequence[str],
                          path: str | os.PathLike) -> None:
    """Warn of points whose place is known and another column is not; they will be left out.

    Points without a place (NaN) are what organized clouds have where nothing was seen.

    Args:
        points: (N, columns).
        names: of the columns, x, y, z first.
        path: of the file.
    """
    finite = np.isfinite(points)
    if finite.all():
        return
    placed = finite[:, :3].all(axis=1)
    for column, name in enumerate(names[3:], 3):
        count = int((placed & ~finite[:, column]).sum())
        if count:
            say_once(f'{path}: {count} of {int(placed.sum())} points have NaN or infinity as '
                     f'{name} and are left out; write 0 where it is not known', path,
                     f'no finite {name}')


def refuse_map_coordinates(axes: Sequence[np.ndarray], path: str | os.PathLike) -> None:
    """Raise if most points lie further out than float32 can tell apart by centimeters.

    Raises:
        DataError: naming where the points lie.
    """
    places = [values[np.isfinite(values)] for values in axes]
    middle = [float(np.median(values)) if len(values) else 0.0 for values in places]
    if max(map(abs, middle)) > MAX_COORDINATE:
        raise DataError(
            f'{path} holds map coordinates (the middle is at x {middle[0]:.1f}, y {middle[1]:.1f}, '
            f'z {middle[2]:.1f}), of which float32 keeps only '
            f'{np.spacing(np.float32(max(map(abs, middle)))):.2g} m; subtract the position of '
            f'the sensor from points and boxes')


def say_once(sentence: str, path: str | os.PathLike, what: str) -> None:
    """Warn once for all files of a folder that are alike."""
    key = f'{Path(path).parent}: {what}'
    if key not in _said:
        _said.add(key)
        print_log(sentence, logger='current', level=30)


def _plain(name: str) -> str:
    return name.strip().lower().removeprefix('scalar_')  # CloudCompare's prefix


def _ages(values: np.ndarray, name: str, path: str | os.PathLike) -> np.ndarray | None:
    """Seconds before the moment of the cloud, from times within 10 s of it; None if they are none.

    Times before the moment may be negative. Absolute times and counts of nanoseconds are no ages.
    """
    seconds = values.astype(np.float64)
    seconds = seconds[np.isfinite(seconds)]
    if not len(seconds):
        return None
    low, high = float(seconds.min()), float(seconds.max())
    if 0 <= low and high <= MAX_AGE:
        return values
    if -MAX_AGE <= low and high <= 0 and name != 'age':
        return -values.astype(np.float64)
    say_once(f'{path}: {name} runs from {low:g} to {high:g}, which is no age in seconds '
             f'(0 to {MAX_AGE:g}); 0 is used', path, f'age from {name}')
    return None
