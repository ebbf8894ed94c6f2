"""Files of a preparation that was split over machines: ``<name>.part-I-of-N.pkl``."""
from __future__ import annotations

import re
from pathlib import Path

from sparse3d.errors import DataError


def part_suffix(shard: tuple[int, int]) -> str:
    """What the names of a part's files have before ``.pkl``; nothing if there is one part.

    Args:
        shard: ``(i, n)``, counted from 1.

    Raises:
        DataError: if there is no such part.
    """
    part, parts = shard
    if not 1 <= part <= parts:
        raise DataError(f'there is no part {part} of {parts}; parts count from 1')
    return '' if parts == 1 else f'.part-{part}-of-{parts}'


def find_parts(out: Path, prefix: str) -> dict[str, list[Path]]:
    """The part files ``<prefix><name>.part-I-of-N.pkl`` in a folder, by name, I ascending.

    Raises:
        DataError: if there are none or a part is missing.
    """
    pattern = re.compile(re.escape(prefix) + r'(\w+)\.part-(\d+)-of-(\d+)\.pkl')
    found: dict[str, dict[tuple[int, int], Path]] = {}
    for path in sorted(out.glob(f'{prefix}*.part-*.pkl')):
        match = pattern.fullmatch(path.name)
        if match:
            found.setdefault(match[1], {})[int(match[2]), int(match[3])] = path
    if not found:
        raise DataError(f'{out} holds no parts to merge ({prefix}*.part-I-of-N.pkl)')
    for name, files in found.items():
        counts = {count for _, count in files}
        expected = {(number, count) for count in counts for number in range(1, count + 1)}
        if len(counts) > 1 or expected - files.keys():
            lacking = ', '.join(f'{i} of {n}' for i, n in sorted(expected - files.keys()))
            raise DataError(f'{out} lacks part {lacking} of the split {name}')
    return {name: [files[key] for key in sorted(files)] for name, files in found.items()}
