"""Info files and databases of an Argoverse 2 preparation that was split over machines, joined."""
from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import chain, groupby, zip_longest
from pathlib import Path

from sparse3d.datasets.argoverse2.prepare.preparation import (
    write_argoverse2_database,
    write_argoverse2_infos,
)
from sparse3d.errors import DataError
from sparse3d.preparation.parts import find_parts
from sparse3d.preparation.preparation_report import PreparationReport
from sparse3d.transforms.info_files import read_info_file, read_plain_file


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
    stamps = [{key: value for key, value in info['metainfo']['stamp'].items() if key != 'split'}
              for loaded in infos.values() for info in loaded]
    if any(stamp != stamps[0] for stamp in stamps):
        raise DataError(f'the parts in {out} were made with different options or versions; '
                        f'make them again with the same')
    report = PreparationReport(out)
    for split, loaded in infos.items():
        entries = _in_turn(info['data_list'] for info in loaded)
        write_argoverse2_infos(entries, split, stamps[0], report)
        if split == 'train' and any(out.glob('argoverse2_dbinfos_train.part-*.pkl')):
            files = find_parts(out, 'argoverse2_dbinfos_')['train']
            write_argoverse2_database(_objects(files, entries), report)
            parts['objects'] = files
    for path in chain.from_iterable(parts.values()):
        path.unlink()
    return report


def _in_turn(parts: Iterable[list[dict]]) -> list[dict]:
    """Logs as they were dealt out: one to each part in turn."""
    logs = [[list(group) for _, group in groupby(part, key=lambda entry: entry['log_id'])]
            for part in parts]
    return list(chain.from_iterable(chain.from_iterable(zip_longest(*logs, fillvalue=[]))))


def _objects(files: list[Path], entries: list[dict]) -> list[dict]:
    """Objects of the databases in the order of the frames."""
    found: dict[str, list[dict]] = {}
    for path in files:
        for item in chain.from_iterable(read_plain_file(path).values()):
            found.setdefault(item['image_idx'], []).append(item)
    ordered = (sorted(found.get(entry['token'], []), key=lambda item: item['group_id'])
               for entry in entries)
    return [{key: value for key, value in item.items() if key != 'group_id'}
            for items in ordered for item in items]
