"""Arguments of ``create-data custom``."""
from __future__ import annotations

import argparse
import os


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``create-data custom``."""
    parser.add_argument('root', help='folder with points/ and boxes/')
    parser.add_argument('--columns', type=int, default=4,
                        help='numbers of a point: x, y, z, ... (default: %(default)s)')
    parser.add_argument('--validation', type=float, default=0.2, metavar='SHARE',
                        help='without splits/*.txt, this share of the frames, the last ones, '
                        'validates (default: %(default)s)')
    parser.add_argument('--no-database', action='store_true', help='no ground-truth database')
    parser.add_argument('--skip-damaged', action='store_true',
                        help='leave out and name frames whose cloud cannot be read')
    parser.add_argument('--workers', type=int, default=os.cpu_count(), help='processes')


def prepare(arguments: argparse.Namespace) -> object:
    """What ``create-data custom`` runs; returns a report to print."""
    from sparse3d.datasets.custom.prepare.frames import CustomPreparation, prepare_custom
    options = CustomPreparation(arguments.columns, arguments.validation, not arguments.no_database,
                                arguments.skip_damaged)
    return prepare_custom(arguments.root, options, arguments.workers)
