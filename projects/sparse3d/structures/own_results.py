"""Results as detections are saved here: one file of a frame, or a folder of them."""
from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sparse3d.structures.detections import Detections
from sparse3d.structures.frame_names import frame_name, stem_of
from sparse3d.structures.result_files import OfSample, ResultFormat, register_results

SUFFIXES = ('.json', '.csv', '.npz')    # what numbers are saved as, in the order of search
BEGINNING = 4096    # bytes; enough to see what a file of JSON is
OWN_JSON = re.compile(r'\s*(\{\s*"(frame|class_names|detections)"\s*:|\[\s*\{\s*")')


def holds_own(path: Path) -> bool:
    """Whether a path is a file or a folder that ``Detections.save`` or ``detect`` has written.

    A folder counts as one where there are at least as many of these files as of KITTI's; detect
    may have written both.
    """
    if path.is_dir():
        counts = Counter(file.suffix.lower() for file in path.iterdir() if file.is_file())
        own = max(counts[suffix] for suffix in SUFFIXES)
        return own > 0 and own >= counts['.txt']
    suffix = path.suffix.lower()
    if suffix != '.json':
        return path.is_file() and suffix in SUFFIXES
    with open(path, 'rb') as stream:
        return OWN_JSON.match(stream.read(BEGINNING).decode('utf-8-sig', 'replace')) is not None


def open_own(path: Path) -> OfSample:
    """The detections of each sample.

    A file belongs to the sample whose cloud, image or picture has its name, or the name that
    stands in it as ``frame``.
    """
    if path.is_dir():
        return lambda info: _read_first(path, _names(info))
    found = Detections.read(path)
    names = {path.stem, found.name}
    return lambda info: found if names & set(_names(info)) else None


def _names(info: Mapping[str, Any]) -> list[str]:
    """What files of a sample may be called, ``detect``'s name first."""
    path = Path(info.get('lidar_path') or info.get('img_path') or '')
    names = (path.stem, stem_of(info), frame_name(info), str(info.get('token') or ''))
    return [name for name in dict.fromkeys(names) if name and Path(name).name == name]


def _read_first(folder: Path, names: list[str]) -> Detections | None:
    for name in names:
        for suffix in SUFFIXES:
            path = folder / f'{name}{suffix}'
            if path.is_file():
                return Detections.read(path)
    return None


register_results('sparse3d', ResultFormat(
    'a file of Detections.save (.json, .csv, .npz) or a folder of them', holds_own, open_own))
