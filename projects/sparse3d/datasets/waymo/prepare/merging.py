"""Info files of a preparation that was split over machines, joined."""
from __future__ import annotations

import os
from pathlib import Path

from sparse3d.datasets.waymo.prepare.database import merge_indices
from sparse3d.datasets.waymo.prepare.preparation import write_waymo_infos
from sparse3d.preparation.merging import check_same_run, stamp_of_run
from sparse3d.preparation.parts import find_parts
from sparse3d.preparation.preparation_report import PreparationReport
from sparse3d.transforms.info_files import read_info_file


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
    parts = find_parts(out, 'waymo_infos_')
    infos, stamps = {}, []
    for split, files in parts.items():
        loaded = [read_info_file(path, 'waymo') for path in files]
        entries = [entry for info in loaded for entry in info['data_list']]
        infos[split] = sorted(entries, key=lambda entry: entry['sample_idx'])
        stamps += [stamp_of_run(info) for info in loaded]
    check_same_run(stamps, out)
    report = PreparationReport(out)
    write_waymo_infos(out, infos, stamps[0], report)
    parts['objects'] = merge_indices(out, report)
    for path in (path for files in parts.values() for path in files):
        path.unlink()
    return report
