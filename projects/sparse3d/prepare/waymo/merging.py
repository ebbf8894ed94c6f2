"""Info files of a preparation that was split over machines, joined."""
from __future__ import annotations

import os
import re
from pathlib import Path

from sparse3d.datasets.info_files import read_info_file
from sparse3d.errors import DataError
from sparse3d.prepare.kitti import PreparationReport
from sparse3d.prepare.waymo.preparation import write_waymo_infos

_PART = re.compile(r'waymo_infos_(\w+)\.part-(\d+)-of-(\d+)\.pkl')


def merge_waymo(out: str | os.PathLike) -> PreparationReport:
    """Join the info files of all parts in ``out`` and remove them.

    Args:
        out: the folder that all parts were written to or copied into, pictures and
            point clouds included.

    Raises:
        DataError: if there are no parts, one is missing, or they were made with different
            options.
    """
    out = Path(out)
    parts = _find_parts(out)
    infos, stamps = {}, []
    for split, files in parts.items():
        loaded = [read_info_file(path, 'waymo') for path in files]
        entries = [entry for info in loaded for entry in info['data_list']]
        infos[split] = sorted(entries, key=lambda entry: entry['sample_idx'])
        stamps += [{key: value for key, value in info['metainfo']['stamp'].items()
                    if key not in ('part', 'split')} for info in loaded]
    if any(stamp != stamps[0] for stamp in stamps):
        raise DataError(f'the parts in {out} were made with different options or versions; '
                        f'make them again with the same')
    report = PreparationReport(out)
    write_waymo_infos(out, infos, stamps[0], report)
    for path in (path for files in parts.values() for path in files):
        path.unlink()
    return report


def _find_parts(out: Path) -> dict[str, list[Path]]:
    found: dict[str, dict[tuple[int, int], Path]] = {}
    for path in sorted(out.glob('waymo_infos_*.part-*.pkl')):
        match = _PART.fullmatch(path.name)
        if match:
            found.setdefault(match[1], {})[int(match[2]), int(match[3])] = path
    if not found:
        raise DataError(f'{out} holds no parts to merge (waymo_infos_*.part-I-of-N.pkl)')
    for split, files in found.items():
        counts = {count for _, count in files}
        expected = {(number, count) for count in counts for number in range(1, count + 1)}
        if len(counts) > 1 or expected - files.keys():
            lacking = ', '.join(f'{i} of {n}' for i, n in sorted(expected - files.keys()))
            raise DataError(f'{out} lacks part {lacking} of the split {split}')
    return {split: list(files.values()) for split, files in found.items()}
