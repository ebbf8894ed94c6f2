"""What the checks of all prepared data sets have in common."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from sparse3d.errors import DataError
from sparse3d.preparation.check_report import CheckReport
from sparse3d.preparation.preparation_report import labeled_objects
from sparse3d.transforms.data_paths import path_inside
from sparse3d.transforms.info_files import read_info_file, read_plain_file

Frame = TypeVar('Frame')
# (info file as read, root, name of the split, report that gets facts and problems)
SplitCheck = Callable[[dict, Path, str, CheckReport], None]
_BYTES_PER_NUMBER = 4

MOST_WITHOUT = 0.5  # share of objects; 0.0 to 0.2 in the benchmarks


def check_prepared(
        root: Path,
        data_set: str,
        title: str,
        check_split: SplitCheck,
        splits: Iterable[str] | None = None,
        left_out: Sequence[str] = (),
        prefix: str | None = None,
        databases: Mapping[str, int] | None = None,
) -> CheckReport:
    """Check each info file of a folder, and the ground-truth databases.

    A file that cannot be read, is of another layout or a part of a preparation is a problem of
    the report, and so is a folder without any.

    Args:
        root: folder of the prepared data set.
        data_set: what ``create-data`` calls it.
        title: of the report, and what the folder is called in it.
        check_split: looks at what one info file says.
        splits: names of splits in the order of the report; default: of all files, sorted.
        left_out: splits that are not looked at.
        prefix: of the names of info files; default ``data_set``.
        databases: index files of databases that may be there, and numbers of a point in each.
    """
    report = CheckReport(f'{title} at {root}')
    prefix = f'{prefix or data_set}_infos_'
    paths = sorted(root.glob(f'{prefix}*.pkl')) if splits is None else [
        path for split in splits if (path := root / f'{prefix}{split}.pkl').is_file()]
    if not paths:
        report.problem(f'no {prefix}*.pkl; run "sparse3d create-data {data_set} {root}"')
    for path in paths:
        split = path.stem.removeprefix(prefix)
        if '.part-' in path.name:
            report.problem(f'{path.name} is a part of a preparation, not merged yet; run '
                           f'"sparse3d create-data {data_set} {root} --merge"')
        elif split not in left_out:
            _check_file(path, data_set, split, check_split, report)
    for index, columns in (databases or {}).items():
        if (root / index).is_file():
            check_database(root, index, columns, report)
    return report


def check_content(split: str, entries: Sequence[Mapping[str, Any]], report: CheckReport) -> None:
    """Note a split that nobody can learn from or be tested on: without frames, or without labels.

    Args:
        split: its name; one that begins with ``test`` needs no labels.
        entries: of its info file.
    """
    if not entries:
        report.problem(f'{split} has no frame')
    elif not split.startswith('test') and not labeled_objects(entries):
        report.problem(f'no object of {split} has a class: there is no ground truth in its '
                       f'{len(entries)} frames')


def check_database(root: Path, index: str, columns: int, report: CheckReport) -> None:
    """Check the files of a ground-truth database by name and size.

    Args:
        root: that the paths of its entries are relative to.
        index: name of the index file inside it.
        columns: numbers of a point.
        report: gets the counts by class, and what is missing or has another size.
    """
    try:
        entries_of = read_plain_file(root / index)
        counts = ', '.join(f'{name} {len(entries)}' for name, entries in entries_of.items())
        wrong = [entry['path'] for entries in entries_of.values() for entry in entries
                 if not _has_size(path_inside(root, entry['path']),
                                  entry['num_points_in_gt'] * columns * _BYTES_PER_NUMBER)]
    except (DataError, AttributeError, KeyError, TypeError) as error:
        report.problem(f'{root / index} is unusable: {error}')
        return
    report.fact(f'ground-truth database: {counts or "empty"} ({index})')
    report.problems_of('objects of the database are missing or have another size', wrong)


def some_of(frames: Sequence[Frame], max_frames: int) -> list[Frame]:
    """At most so many frames, spread evenly over all."""
    rows = np.linspace(0, len(frames) - 1, min(max_frames, len(frames))).round().astype(int)
    return [frames[row] for row in np.unique(rows)]


def judge_median(values: Sequence[float], split: str, min_median: float, report: CheckReport,
                 fact: str, problem: str) -> None:
    """Note the median of some values as a fact, and a problem where it is too small.

    Args:
        fact: sentence with ``{median:.2f}``.
        problem: sentence.
    """
    if not values:
        return
    median = float(np.median(values))
    report.fact(f'{split}: {fact.format(median=median)} (median of {len(values)})')
    if median < min_median:
        report.problem(problem)


def _check_file(path: Path, data_set: str, split: str, check_split: SplitCheck,
                report: CheckReport) -> None:
    try:
        check_split(read_info_file(path, data_set), path.parent, split, report)
    except DataError as error:
        report.problem(str(error))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        report.problem(f'{path} is not in the layout of mmdet3d 1.4 '
                       f'({type(error).__name__}: {error}); make it again')


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def judge_without_points(without: int, objects: int, split: str, report: CheckReport) -> None:
    """A problem if most objects hold no point, as none of the benchmarks has it.

    Args:
        without: how many of the ``objects`` of a split hold none.
    """
    if without > MOST_WITHOUT * objects:
        report.problem(f'{without} of {objects} objects of {split} hold no point: wrong '
                       f'calibration, or labels of another frame (the LiDAR\'s in place of the '
                       f'camera\'s), other units or other clouds?')
