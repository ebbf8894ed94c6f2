"""Info files of earlier releases of mmdet3d."""
from __future__ import annotations

from os import PathLike

from sparse3d.plugins import data_sets, load
from sparse3d.preparation.info_upgrade import Upgrade, upgrade_info_file


def upgrades() -> list[Upgrade]:
    """The upgrades of all data sets that have one."""
    return [load(data_set.upgrade) for data_set in data_sets().values() if data_set.upgrade]


def upgrade_infos(file: str | PathLike, out: str | PathLike | None = None) -> str:
    """Convert an info file of mmdet3d 0.x or 1.0; see :func:`upgrade_info_file`.

    Args:
        file: kept with the ending ``.old`` if nothing else is said.
        out: write here instead and leave the file alone.

    Returns:
        What was done, in one sentence.
    """
    return upgrade_info_file(file, upgrades(), out)
