"""Info files and databases of a nuScenes preparation that was split over machines, joined."""
from __future__ import annotations

import os
from itertools import chain
from pathlib import Path

from sparse3d.datasets.nuscenes.prepare.frames import write_nuscenes_database, write_nuscenes_infos
from sparse3d.preparation.merging import (
    check_same_run,
    dealt_in_turn,
    objects_by_sample,
    stamp_of_run,
)
from sparse3d.preparation.parts import find_parts
from sparse3d.preparation.preparation_report import PreparationReport
from sparse3d.transforms.info_files import read_info_file


def merge_nuscenes(out: str | os.PathLike) -> PreparationReport:
    """Join the files of all parts in ``out`` and remove them.

    The result is what one run alone would have written.

    Args:
        out: the folder that all parts were written to or copied into, with the objects in
            ``nuscenes_gt_database``.

    Raises:
        DataError: if there are no parts, one is missing, or they were made with different
            options.
    """
    out = Path(out)
    parts = find_parts(out, 'nuscenes_infos_')
    infos = {split: [read_info_file(path, 'nuscenes') for path in paths]
             for split, paths in parts.items()}
    stamps = [(stamp_of_run(info), info['metainfo']['version'])
              for loaded in infos.values() for info in loaded]
    check_same_run(stamps, out)
    report = PreparationReport(out)
    for split, loaded in infos.items():
        entries = dealt_in_turn((info['data_list'] for info in loaded),
                                lambda entry: entry['scene_token'])
        write_nuscenes_infos(entries, stamps[0][1], split, stamps[0][0], report)
        if split == 'train' and any(out.glob('nuscenes_dbinfos_train.part-*.pkl')):
            files = find_parts(out, 'nuscenes_dbinfos_')['train']
            write_nuscenes_database(objects_by_sample(files, entries), report)
            parts[f'{split} objects'] = files
    for path in chain.from_iterable(parts.values()):
        path.unlink()
    return report
