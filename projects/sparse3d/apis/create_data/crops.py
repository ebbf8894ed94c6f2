"""``create_data.py crops``."""
from __future__ import annotations

import argparse
import os

from sparse3d.plugins import data_sets, load


def add_crops(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    crops = commands.add_parser(
        'crops', help='cut the database objects out of the images, for pasting them into others')
    crops.add_argument('dataset', choices=[name for name, data_set in data_sets().items()
                                           if data_set.crops])
    crops.add_argument('root', help='folder of the prepared data set')
    crops.add_argument('--workers', type=int, default=os.cpu_count(), help='processes')
    crops.set_defaults(run=_crops)


def _crops(arguments: argparse.Namespace) -> int:
    cut_crops = load(data_sets()[arguments.dataset].crops)
    count = cut_crops(arguments.root, arguments.workers)
    print(f'{arguments.root}: {count["crops"]} crops of {count["objects"]} objects')
    return 0
