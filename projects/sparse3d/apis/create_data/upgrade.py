"""``create_data.py upgrade``: info files of earlier releases of mmdet3d."""
from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from sparse3d.plugins import data_sets, load

if TYPE_CHECKING:
    from sparse3d.preparation.info_upgrade import Upgrade


def upgrades() -> list[Upgrade]:
    """The upgrades of all data sets that have one."""
    return [load(data_set.upgrade) for data_set in data_sets().values() if data_set.upgrade]


def add_upgrade(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    upgrade = commands.add_parser(
        'upgrade', help='convert an info file of mmdet3d 0.x or 1.0')
    upgrade.add_argument('file', help='the info file; it is kept with the ending .old')
    upgrade.add_argument('--out', help='write here instead and leave the file alone')
    upgrade.set_defaults(run=_upgrade)


def _upgrade(arguments: argparse.Namespace) -> int:
    from sparse3d.preparation.info_upgrade import upgrade_info_file
    print(upgrade_info_file(arguments.file, upgrades(), arguments.out))
    return 0
