"""Splits of a custom data set: one name a line, or the last part of the frames validates."""
from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from sparse3d.datasets.custom.prepare.files import (
    IMAGE_SUFFIXES,
    CustomFrame,
    files_in,
    some_names,
)
from sparse3d.errors import DataError
from sparse3d.transforms.cloud_files import SUFFIXES
from sparse3d.transforms.text_files import UNREADABLE, read_text

SPLITS = ('train', 'val', 'test')


def find_splits(root: Path, frames: Sequence[CustomFrame], validation: float,
                ) -> tuple[dict[str, list[str]], list[str]]:
    """Names of the frames of each split: from ``<root>/splits/*.txt``, or the last part for val.

    Without split files the last frames validate, not random ones: neighbors in a drive
    are nearly the same frame. Frames of train and val without labels are left out.

    Returns:
        The names by split, and sentences about what is left out.

    Raises:
        DataError: for a name without a frame, a frame that stands twice or in two splits, or a
            split file of another name or ending.
    """
    labeled = {frame.name: None for frame in frames if frame.boxes is not None}
    files = [path for path in files_in(root / 'splits') if path.stem.lower() != 'readme']
    for path in files:
        if path.suffix.lower() != '.txt':
            raise DataError(f'{path} is not read; write splits as text, one name a line: '
                            f'{path.stem}.txt')
        if path.stem not in SPLITS:
            raise DataError(f'{path} is the split of no purpose; name it {", ".join(SPLITS)}.txt')
    if not files:
        count = min(max(round(len(labeled) * validation), 1), max(len(labeled) - 1, 0))
        unlabeled = len(frames) - len(labeled)
        notes = [f'{unlabeled} of {len(frames)} frames are not labeled and left out'] \
            if unlabeled else []
        names = list(labeled)
        return dict(train=names[:len(names) - count], val=names[len(names) - count:]), notes
    known, owner = {frame.name for frame in frames}, {}
    found, notes = {}, []
    for path in sorted(files, key=lambda path: SPLITS.index(path.stem)):
        names, split = _names_of_split(path, known), path.stem
        for name in names:
            if owner.setdefault(name, split) != split:
                raise DataError(f'{name} is in the splits {owner[name]} and {split}')
        found[split] = names if split == 'test' else [name for name in names if name in labeled]
        without = [name for name in names if name not in found[split]]
        if without:
            notes.append(f'{len(without)} of {len(names)} frames of {split} are not labeled and '
                         f'left out: {some_names(without)}')
    return found, notes


def _names_of_split(path: Path, known: set[str]) -> list[str]:
    """One name a line; a name may have blanks, a folder before it or an ending after it."""
    names = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        name = unicodedata.normalize('NFC', line.strip())
        if not name:
            continue
        if name not in known and Path(name).suffix.lower() in SUFFIXES + IMAGE_SUFFIXES:
            name = Path(name.replace('\\', '/')).stem
        if UNREADABLE in name:
            raise DataError(f'line {number} of {path}, {name!r}, has a character that a program '
                            f'could not read; write it again, in UTF-8')
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = '; write one name a line' if len(name.split()) > 1 else \
                f'; did you mean {near[0]}?' if near else ''
            raise DataError(f'line {number} of {path} names {name}, and there is no '
                            f'frame of that name (points/{name}.*){hint}')
        names.append(name)
    twice = next((name for name in names if names.count(name) > 1), None) \
        if len(set(names)) < len(names) else None
    if twice is not None:
        raise DataError(f'{path} names {twice} twice')
    return names
