"""The arguments of ``tools/create_data.py``, put together from the data sets' own files."""
from __future__ import annotations

import argparse
from collections.abc import Sequence

from sparse3d.apis.command_line import run_command
from sparse3d.apis.create_data.check import add_check
from sparse3d.apis.create_data.crops import add_crops
from sparse3d.apis.create_data.upgrade import add_upgrade
from sparse3d.datasets.custom.arguments import add_custom
from sparse3d.datasets.kitti.arguments import add_kitti
from sparse3d.datasets.nuscenes.arguments import add_nuscenes
from sparse3d.datasets.waymo.arguments import add_waymo


def create_data(description: str, arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments and run the chosen command; return the exit status of the process.

    That is 1 if a check found problems, 2 after an error that the user can mend.

    Args:
        description: what ``--help`` says.
        arguments: by default those of the command line.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar='command')
    for add in (add_kitti, add_nuscenes, add_waymo, add_custom, add_crops, add_check, add_upgrade):
        add(commands)
    parsed = parser.parse_args(arguments)
    return run_command(lambda: parsed.run(parsed))
