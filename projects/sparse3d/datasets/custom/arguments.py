"""Arguments of ``create-data custom``."""
from __future__ import annotations

import argparse

from sparse3d.parallel.executors import add_executor
from sparse3d.parallel.failures import say_retried


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
    add_executor(parser)


def prepare(arguments: argparse.Namespace) -> object:
    """What ``create-data custom`` runs; returns a report to print."""
    from sparse3d.datasets.custom.prepare.frames import CustomPreparation, prepare_custom
    if arguments.retry_failed:
        say_retried(arguments.root)
    options = CustomPreparation(arguments.columns, arguments.validation, not arguments.no_database,
                                arguments.skip_damaged)
    return prepare_custom(arguments.root, options, arguments.workers)
