"""What labels and pictures of a Waymo split lack: ids of tracks, calibration of cameras."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def entry_faults(split: str, entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Sentences on objects without an id or with another one's, and on pictures without a
    calibration.

    Args:
        split: its name.
        entries: of its info file.
    """
    return [*_without_id(split, entries), *_repeated_ids(split, entries),
            *_without_calibration(split, entries)]


def _without_id(split: str, entries: Iterable[Mapping[str, Any]]) -> list[str]:
    given = [item['track_id'] for entry in entries for item in entry.get('instances', ())
             if 'track_id' in item]
    empty = sum(not str(name).strip() for name in given)
    return [f'{empty} of {len(given)} objects of {split} have an empty id: they belong to no '
            f'track, and no keypoints and boxes of pictures can belong to them'] if empty else []


def _repeated_ids(split: str, entries: Iterable[Mapping[str, Any]]) -> list[str]:
    repeated, frames, example = 0, 0, ''
    for entry in entries:
        counts = Counter(item['track_id'] for item in entry.get('instances', ())
                         if str(item.get('track_id', '')).strip())
        more = {name: count for name, count in counts.items() if count > 1}
        repeated += sum(more.values())
        frames += bool(more)
        if more and not example:
            name, count = next(iter(more.items()))
            example = f'{name} {count} times at {entry.get("timestamp")}'
    return [f'{repeated} objects of {split} share their id with another object of the same frame, '
            f'in {frames} frames ({example}): tracks, keypoints and boxes of pictures are told '
            f'by it'] if repeated else []


def _without_calibration(split: str, entries: Iterable[Mapping[str, Any]]) -> list[str]:
    counts = Counter(name for entry in entries for name in entry.get('uncalibrated_cameras', ()))
    cameras = ', '.join(f'{name} {count}' for name, count in counts.items())
    return [f'{sum(counts.values())} pictures of {split} have no calibration and are not used '
            f'({cameras}): fetch the calibration of their cameras (camera_calibration) and prepare '
            f'again'] if counts else []
