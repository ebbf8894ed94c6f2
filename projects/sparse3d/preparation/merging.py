"""What joins the parts of a preparation that was split over machines, in any data set."""
from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import chain, groupby, zip_longest
from pathlib import Path
from typing import Any

from sparse3d.errors import DataError
from sparse3d.transforms.info_files import read_plain_file


def stamp_of_run(info: Mapping[str, Any]) -> dict[str, Any]:
    """What an info file says of the run that made it, but for split and part."""
    return {key: value for key, value in info['metainfo']['stamp'].items()
            if key not in ('split', 'part')}


def check_same_run(stamps: Sequence[Any], folder: Path) -> None:
    """Refuse parts that do not belong together.

    Raises:
        DataError: if one was made with other options or another version.
    """
    if any(stamp != stamps[0] for stamp in stamps):
        raise DataError(f'the parts in {folder} were made with different options or versions; '
                        f'make them again with the same')


def dealt_in_turn(parts: Iterable[Sequence[dict]], drive: Callable[[dict], Hashable]
                  ) -> list[dict]:
    """Entries in the order of one run alone, whose drives were dealt to the parts in turn.

    Args:
        parts: entries of each part, those of a drive one after the other.
        drive: which drive an entry is of.
    """
    drives = [[list(group) for _, group in groupby(part, key=drive)] for part in parts]
    return list(chain.from_iterable(chain.from_iterable(zip_longest(*drives, fillvalue=[]))))


def objects_by_sample(files: Iterable[Path], entries: Iterable[Mapping[str, Any]]
                      ) -> list[list[dict]]:
    """Objects of the parts' databases for each entry, in the order of one run alone."""
    found: dict[str, list[dict]] = {}
    for path in files:
        for item in chain.from_iterable(read_plain_file(path).values()):
            found.setdefault(item['image_idx'], []).append(item)
    ordered = (sorted(found.get(entry['token'], []), key=lambda item: item['group_id'])
               for entry in entries)
    return [[{key: value for key, value in item.items() if key != 'group_id'} for item in items]
            for items in ordered]
