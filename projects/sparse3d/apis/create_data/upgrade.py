"""``create_data.py upgrade``: info files of earlier releases of mmdet3d."""
from __future__ import annotations

import argparse

from sparse3d.datasets.kitti.prepare.upgrade import upgraded_kitti
from sparse3d.datasets.nuscenes.prepare.upgrade import upgraded_nuscenes
from sparse3d.preparation.info_upgrade import Upgrade, upgrade_info_file

UPGRADES: dict[str, Upgrade] = {'kitti': upgraded_kitti, 'nuscenes': upgraded_nuscenes}


def add_upgrade(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    upgrade = commands.add_parser(
        'upgrade', help='convert an info file of mmdet3d 0.x or 1.0 (nuScenes, KITTI)')
    upgrade.add_argument('file', help='the info file; it is kept with the ending .old')
    upgrade.add_argument('--out', help='write here instead and leave the file alone')
    upgrade.set_defaults(run=_upgrade)


def _upgrade(arguments: argparse.Namespace) -> int:
    print(upgrade_info_file(arguments.file, UPGRADES, arguments.out))
    return 0
