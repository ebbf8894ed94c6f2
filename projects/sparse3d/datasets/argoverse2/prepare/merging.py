"""Info files and databases of an Argoverse 2 preparation that was split over machines, joined."""
from __future__ import annotations

import os
from itertools import chain
from pathlib import Path

from sparse3d.datasets.argoverse2.prepare.preparation import (
    write_argoverse2_database,
    write_argoverse2_infos,
)
from sparse3d.preparation.merging import (
    check_same_run,
    dealt_in_turn,
    objects_by_sample,
    stamp_of_run,
)
from sparse3d.preparation.parts import find_parts
from sparse3d.preparation.preparation_report import PreparationReport
from sparse3d.transforms.info_files import read_info_file


def merge_argoverse2(out: str | os.PathLike) -> PreparationReport:
    """Join the files of all parts in ``out`` and remove them.

    The result is what one run alone would have written.

    Args:
        out: the folder that all parts were written to or copied into, with the objects in
            ``argoverse2_gt_database``.

    Raises:
        DataError: if there are no parts, one is missing, or they were made with different
            options.
    """
    out = Path(out)
    parts = find_parts(out, 'argoverse2_infos_')
    infos = {split: [read_info_file(path, 'argoverse2') for path in paths]
             for split, paths in parts.items()}
    stamps = [stamp_of_run(info) for loaded in infos.values() for info in loaded]
    check_same_run(stamps, out)
    report = PreparationReport(out)
    for split, loaded in infos.items():
        entries = dealt_in_turn((info['data_list'] for info in loaded),
                                lambda entry: entry['log_id'])
        write_argoverse2_infos(entries, split, stamps[0], report)
        if split == 'train' and any(out.glob('argoverse2_dbinfos_train.part-*.pkl')):
            files = find_parts(out, 'argoverse2_dbinfos_')['train']
            objects = chain.from_iterable(objects_by_sample(files, entries))
            write_argoverse2_database(list(objects), report)
            parts['objects'] = files
    for path in chain.from_iterable(parts.values()):
        path.unlink()
    return report
