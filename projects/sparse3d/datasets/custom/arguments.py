"""Arguments of ``create-data custom``."""
from __future__ import annotations

import argparse
import os


def add_custom(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    custom = commands.add_parser('custom', help='a custom data set; see docs/custom_data.md')
    custom.add_argument('root', help='folder with points/ and boxes/')
    custom.add_argument('--columns', type=int, default=4,
                        help='numbers of a point: x, y, z, ... (default: %(default)s)')
    custom.add_argument('--validation', type=float, default=0.2, metavar='SHARE',
                        help='without splits/*.txt, this share of the frames, the last ones, '
                        'validates (default: %(default)s)')
    custom.add_argument('--no-database', action='store_true', help='no ground-truth database')
    custom.add_argument('--skip-damaged', action='store_true',
                        help='leave out and name frames whose cloud cannot be read')
    custom.add_argument('--workers', type=int, default=os.cpu_count(), help='processes')
    custom.set_defaults(run=_custom)


def _custom(arguments: argparse.Namespace) -> int:
    from sparse3d.datasets.custom.prepare.frames import CustomPreparation, prepare_custom
    options = CustomPreparation(arguments.columns, arguments.validation, not arguments.no_database,
                                arguments.skip_damaged)
    print(prepare_custom(arguments.root, options, arguments.workers))
    return 0
